// Every organization, the value of each of its settings, and where that comes from.

import { ask, base } from "./api.js";
import { fill, make, shortTime, table, words } from "./dom.js";

function said(value, texts) {
  return value === null ? texts.unset : String(value);
}

function origin(row, texts) {
  const known = row.origin === "live" && row.at === null ? "" : texts.organizations.origins[row.origin];
  return words(known || row.origin, { by: row.by, at: row.at === null ? "" : shortTime(row.at) });
}

function settingsTable(caption, rows, texts) {
  const own = texts.organizations;
  return table(caption, [own.setting, own.value, own.origin],
    rows.map((row) => [make("code", {}, row.setting), said(row.effective, texts), origin(row, texts)]));
}

function card(organization, rows, texts) {
  const own = texts.organizations;
  const facts = [
    [own.state, organization.state], [own.kind, organization.kind],
    [own.address, organization.hosts.map((host) => host + organization.path).join(", ")],
    [own.guid, organization.id], [own.provider, organization.identity_provider],
    [own.sessions, String(organization.sessions)],
  ];
  return make("section", { class: "card" },
    make("h2", {}, organization.friendly_name),
    make("dl", {}, facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])),
    make("ul", { class: "plain rules" }, organization.rules.map((rule) => make("li", {}, rule))),
    make("p", {}, make("a", { href: `${base}/general?organization=${encodeURIComponent(organization.name)}` }, `${own.show}: ${organization.friendly_name}`)),
    settingsTable(words(own.caption, { name: organization.friendly_name }), rows, texts));
}

export async function show(content, { texts }) {
  const [{ organizations }, { settings }] = await Promise.all([ask("organizations"), ask("settings")]);
  const of = (name) => settings.filter((row) => row.organization === name);
  fill(content,
    organizations.map((each) => card(each, of(each.name), texts)),
    make("section", { class: "card" }, make("h2", {}, texts.general.all), settingsTable(texts.organizations.all_caption, of(null), texts)));
}
