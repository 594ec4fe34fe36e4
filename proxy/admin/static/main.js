// The page that the address names.

import { Refused, credentialsAddress, me, texts as fetchTexts } from "./api.js";
import { fill, make, words } from "./dom.js";
import { show as general } from "./general.js";
import { show as history } from "./history.js";
import { show as organizations } from "./organizations.js";
import { show as overview } from "./overview.js";
import { show as sessions } from "./sessions.js";

/** Pages on which something is changed. */
const CHANGE = new Set(["general", "sessions", "history"]);
const pages = { general, history, organizations, overview, sessions };
const content = document.getElementById("content");
const notice = document.getElementById("notice");

/** Say what went wrong, and what to do about it. */
function tell(texts, error) {
  if (!(error instanceof Refused)) throw error;
  if (error.error === "sign_in_required") return location.assign(credentialsAddress(error.signIn));
  const link = (text) => make("a", { href: credentialsAddress() }, text);
  if (error.status === 401) fill(notice, texts.signed_out, " ", link(texts.sign_in));
  else if (error.error === "credentials_too_old") fill(notice, texts.too_old, " ", link(texts.sign_in_again));
  else if (error.error === "offline") fill(notice, texts.offline);
  else fill(notice, words(texts.failed, { message: error.message }));
  return notice.scrollIntoView({ block: "nearest" });
}

const texts = await fetchTexts();
/** Do something; whatever goes wrong is told. What it gave, or undefined. */
async function attempt(work) {
  try {
    const result = await work();
    fill(notice);
    return result;
  } catch (error) {
    tell(texts, error);
    return undefined;
  }
}
const page = document.body.dataset.page;
const who = await attempt(async () => {
  const who = await me();
  await pages[page](content, { texts, who, attempt, tell: (error) => tell(texts, error) });
  return who;
});
if (who?.each_change_signs_in && CHANGE.has(page)) content.before(make("p", { class: "card" }, texts.each_change));
// Said before somebody fills in a form that would be refused.
else if (who && who.credentials_fresh_for <= 0 && CHANGE.has(page)) tell(texts, new Refused(403, { error: "credentials_too_old" }));
