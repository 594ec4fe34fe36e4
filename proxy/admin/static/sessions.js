// Who is signed in where, and signing out one or all.

import { ask, send } from "./api.js";
import { ask as confirm, counted, fill, make, table, time, visible, words } from "./dom.js";

export async function show(content, context) {
  const { texts, attempt } = context;
  const own = texts.sessions;
  const { organizations } = await ask("organizations");
  const search = make("input", { type: "search", id: "search", maxlength: "200", autocomplete: "off" });
  const organization = make("select", { id: "organization" }, make("option", { value: "" }, own.every),
    organizations.map((each) => make("option", { value: each.name }, each.friendly_name)));
  const status = make("p", { role: "status", class: "quiet" });
  const list = make("div");
  let shown = [];

  async function look(cursor = "") {
    const found = await attempt(() => ask("sessions", { search: search.value.trim(), organization: organization.value, cursor }));
    if (!found) return;
    shown = cursor ? [...shown, ...found.sessions] : found.sessions;
    const more = found.cursor ? make("button", { type: "button", onclick: () => look(found.cursor) }, texts.more) : null;
    const none = search.value.trim() ? own.none_found : own.none;
    if (!shown.length) fill(list, make("p", { class: "quiet" }, none), more);
    else fill(list, table(own.caption, [own.user, own.organization, own.client, own.since, own.active, own.ends, own.act], shown.map(row)), make("p", {}, more));
  }

  function row(session) {
    const name = visible(session.user);
    // People choose their display name: it stands beside the name that acts go by, never in its place.
    const displayed = session.name === session.user ? null : make("span", { class: "quiet" }, ` (${own.display_name}: ${visible(session.name)})`);
    const ends = session.over ? own.over : session.ends_at === null ? "" : make("span", {}, time(session.ends_at), ` (${own.reasons[session.ends_by] ?? session.ends_by})`);
    const button = (act, path, question) => make("button", {
      type: "button", "aria-label": words(own.of, { act, name }),
      onclick: () => revoke(path, session, words(question, { name, organization: session.organization }), act),
    }, act);
    return [
      make("span", {}, name, displayed, session.own ? ` (${own.own})` : ""), session.organization, session.client.replaceAll("_", " "),
      time(session.signed_in_at), time(session.last_activity), ends,
      make("span", { class: "choice" }, button(own.revoke, "sessions/revoke", own.ask_one), button(own.revoke_user, "users/revoke", own.ask_all)),
    ];
  }

  async function revoke(path, session, question, act) {
    const why = await confirm(texts, question, act);
    if (why === null) return;
    const done = await attempt(() => send(path, { session: session.id, why }));
    if (!done) return;
    fill(status, counted(own, "ended", done.ended));
    await look();
  }

  const form = make("form", { class: "row", role: "search", onsubmit: (event) => { event.preventDefault(); look(); } },
    make("div", { class: "field" }, make("label", { for: "search" }, own.search), search),
    make("div", { class: "field" }, make("label", { for: "organization" }, own.organization), organization),
    make("button", { class: "main" }, own.find));
  organization.addEventListener("change", () => look());
  fill(content, form, status, list);
  await look();
}
