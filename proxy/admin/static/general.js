// «Set session timeout» and «Set inactivity timeout», laid out as in System Settings > General, with what they come to.

import { Refused, ask, send } from "./api.js";
import { counted, fill, make, words } from "./dom.js";
import { fieldsOf } from "./fields.js";

const PAUSE = 300; // milliseconds between the last key and a preview
const KEPT = "claims-change"; // what was filled in before a sign-in that the change waits for

/** What was kept for this scope: `changes` and `why`. It is taken once. */
function taken(scope) {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
    sessionStorage.removeItem(KEPT);
    if (kept?.scope === scope && Array.isArray(kept.changes)) return kept;
  } catch {
    // Another script of this origin may have written there, too.
  }
  return { changes: [], why: "" };
}

export async function show(content, context) {
  const { texts } = context;
  const [found, { organizations }] = await Promise.all([ask("settings"), ask("organizations")]);
  const asked = new URLSearchParams(location.search).get("organization");
  const known = organizations.some((each) => each.name === asked);
  const scope = make("select", { id: "scope" },
    organizations.map((each) => make("option", { value: each.name }, each.friendly_name)),
    make("option", { value: "" }, texts.general.all));
  scope.value = known ? asked : asked === "" ? "" : organizations[0].name;
  const area = make("div");
  scope.addEventListener("change", () => {
    history.replaceState(null, "", `?organization=${encodeURIComponent(scope.value)}`);
    panel(area, context, found, organizations, scope.value);
  });
  fill(content,
    found.source === "yaml" ? make("p", { class: "card" }, texts.read_only) : null,
    make("div", { class: "row" }, make("div", { class: "field short" }, make("label", { for: "scope" }, texts.general.scope), scope)),
    area);
  const kept = taken(scope.value);
  panel(area, context, found, organizations, scope.value, kept.changes, kept.why);
}

/** The settings of one organization, or of all (""), beside what they come to. `meant`, `because`: changes that wait to be saved, and why. */
function panel(area, context, first, organizations, name, meant = [], because = "") {
  const { texts, attempt, tell } = context;
  const own = texts.general;
  let found = first;
  let waiting = 0;
  const organization = organizations.find((each) => each.name === name) ?? null;
  const fields = fieldsOf(texts, found, organization);
  const why = make("input", { type: "text", id: "why", maxlength: "1000" });
  const status = make("p", { role: "status" });
  const save = make("button", { class: "main", disabled: found.source === "yaml" }, own.save);
  const now = make("ul", { class: "plain rules" });
  const would = make("div", { "aria-live": "polite" });

  const rulesOf = (rules) => (organization ? rules[organization.name] : Object.entries(rules).flatMap(([each, lines]) => lines.map((line) => `${each}: ${line}`)));
  const lines = (rules) => rulesOf(rules).map((line) => make("li", {}, line));

  function showProblems(error) {
    fields.clear();
    if (!(error instanceof Refused) || error.status !== 422) return false;
    for (const problem of error.problems) {
      fields.complain(problem.field, words(own.out_of_bounds, { value: problem.value ?? texts.unset, bound: problem.message }));
    }
    return true;
  }

  /** Everything as others made it, with what is meant here still in the fields: saving again is a choice then. */
  async function showAsNow(changes) {
    Object.assign(first, await ask("settings"));
    panel(area, context, first, organizations, name, changes);
    area.querySelector("button.main").focus();
  }

  async function preview() {
    const changes = fields.changes(found);
    fields.clear();
    if (fields.unreadable()) return fill(would);
    if (!changes.length) return fill(would, make("p", { class: "quiet" }, own.same));
    try {
      const forecast = await send("settings/preview", { changes });
      fill(would, make("ul", { class: "plain rules" }, lines(forecast.rules)), make("p", {}, counted(own, "ends", forecast.ends)));
    } catch (error) {
      fill(would);
      if (!showProblems(error)) tell(error);
    }
    return undefined;
  }

  async function submit(event) {
    event.preventDefault();
    clearTimeout(waiting);
    fill(status);
    const changes = fields.changes(found);
    fields.clear();
    if (fields.unreadable()) return fields.focusFirst();
    if (!changes.length) return fill(status, own.nothing_saved);
    save.disabled = true;
    await attempt(async () => {
      try {
        const done = await send("settings/change", { changes, revision: found.revision, why: why.value });
        found = await ask("settings");
        Object.assign(first, found);
        why.value = "";
        fill(status, make("span", { class: "good" }, counted(own, "saved", done.ended, { revision: done.revision })));
        fill(now, lines(found.rules));
        fill(would, make("p", { class: "quiet" }, own.same));
      } catch (error) {
        if (error.error === "sign_in_required") sessionStorage.setItem(KEPT, JSON.stringify({ scope: name, changes, why: why.value }));
        if (error.error === "changed_meanwhile") await showAsNow(changes);
        if (!showProblems(error)) throw error;
        fields.focusFirst();
      }
    });
    save.disabled = false;
    return undefined;
  }

  fill(now, lines(found.rules));
  fill(would, make("p", { class: "quiet" }, own.same));
  const form = make("form", {
    class: "columns", novalidate: true, onsubmit: submit,
    oninput: (event) => {
      if (event.target === why) return;
      clearTimeout(waiting);
      waiting = setTimeout(preview, PAUSE);
    },
  },
    make("div", { class: "fields" }, fields.elements),
    make("aside", { class: "card", "aria-label": own.comes_to }, make("h2", {}, own.now), now, make("h2", {}, own.would), would),
    make("div", { class: "finish" },
      make("div", { class: "field" }, make("label", { for: "why" }, texts.why), why),
      make("div", { class: "row" }, save), status));
  fill(area, form);
  if (meant.length) {
    fields.put(meant);
    if (fields.changes(found).length) why.value = because;
    preview();
  }
}
