// Every change and administrative act, and going back.

import { ask, send } from "./api.js";
import { ask as confirm, counted, fill, make, table, time, visible, words } from "./dom.js";

export async function show(content, { texts, attempt, who }) {
  const own = texts.history;
  const status = make("p", { role: "status", class: "quiet" });
  const list = make("div");
  let entries = [];
  let newest = 0;

  const said = (value) => (value === null ? texts.default_value : String(value));

  function what(entry) {
    if (entry.subject || entry.act === "restored") return words(own[entry.act] ?? entry.act, entry);
    return make("ul", { class: "plain" }, entry.items.map((item) => make("li", {}, words(own.changed, {
      setting: item.setting, organization: item.organization ?? texts.of_all, before: said(item.before), after: said(item.after),
    }))));
  }

  function back(revision) {
    if (revision === null || revision >= newest || who.settings_source !== "live") return "";
    const label = revision === 0 ? own.back_to_file : words(own.back_to, { revision });
    return make("button", { type: "button", onclick: () => goBack(revision, label) }, label);
  }

  async function goBack(revision, label) {
    const why = await confirm(texts, words(own.ask, { revision }), label);
    if (why === null) return;
    const done = await attempt(() => send("settings/rollback", { to: revision, revision: newest, why }));
    if (!done) return;
    await look();
    fill(status, counted(texts.general, "saved", done.ended, { revision: done.revision }));
  }

  async function look(cursor = "") {
    const found = await attempt(() => ask("history", { cursor }));
    if (!found) return;
    entries = cursor ? [...entries, ...found.entries] : found.entries;
    newest = Math.max(0, ...entries.map((entry) => entry.revision ?? 0));
    const rows = entries.map((entry) => [
      time(entry.at), visible(entry.by), what(entry), visible(entry.why),
      entry.revision === null ? "" : make("span", { class: "choice" }, String(entry.revision), back(entry.revision)),
    ]);
    const more = found.cursor ? make("button", { type: "button", onclick: () => look(found.cursor) }, texts.more) : null;
    const heads = [own.at, own.by, own.what, own.why, own.revision];
    const beginning = newest ? back(0) : null;
    fill(list, entries.length ? table(own.caption, heads, rows) : make("p", { class: "quiet" }, own.none), make("p", { class: "row" }, more, beginning));
  }

  fill(content, status, list);
  await look();
}
