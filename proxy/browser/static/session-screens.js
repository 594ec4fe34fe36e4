// @ts-check
/**
 * The four screens, and a fifth for a session that was ended from elsewhere, as one dialog in a shadow root of its own.
 *
 * @typedef {(wish: string, seconds: number, away?: boolean, busy?: boolean) => void} Show
 * @typedef {{show: Show, signedIn(): void}} Screens
 *   `wish`: a screen's name, the reason of an end, or nothing; `seconds` left; `away`: the proxy is out of reach;
 *   `busy`: a click is under way, which no screen that opens is to take
 * @typedef {{later(): void, proceed(): void}} Actions
 */
const LANGUAGES = ["en", "fr", "de", "es", "pt", "it", "nl", "ja", "zh", "ar"];
/** A document's own property: markup can put an element in its place. @param {Document} page @param {string} name */
const own = (page, name) => Reflect.get(Document.prototype, name, page);
/** The screen for the reason of an end; any other is of no limit. @type {Record<string, string>} */
const ENDINGS = {
  session_timeout: "session_expired",
  token_lifetime: "session_expired",
  inactivity_timeout: "inactivity_expired",
};
/** @type {Record<string, [string, keyof Actions|"signIn"][]>} */
const BUTTONS = {
  session_warning: [["sign_in_now", "signIn"], ["later", "later"]],
  session_expired: [["sign_in", "signIn"]],
  inactivity_warning: [["continue", "proceed"]],
  inactivity_expired: [["sign_in", "signIn"]],
  signed_out: [["sign_in", "signIn"]],
};
// Adopted, not written into the page: a style element would need the page's Content-Security-Policy to allow it.
const STYLE = `
:host { all: initial !important; display: contents !important; }
dialog { --back: #fff; --text: #1b2430; --soft: #4b5868; --line: #d5dbe3; --strong: #1257a6; --on: #fff;
  box-sizing: border-box; width: min(30em, calc(100vw - 2em)); padding: 1.75em; border: 1px solid var(--line);
  border-top: 4px solid var(--strong); border-radius: 8px; background: var(--back); color: var(--text);
  color-scheme: light dark; font: 16px/1.5 "Segoe UI", system-ui, sans-serif; text-align: start; }
dialog::backdrop { background: rgb(0 0 0 / .6); }
/* The user may be gone, and somebody else sit there. */
dialog.over::backdrop { backdrop-filter: blur(8px); }
h2 { margin: 0 0 .5em; font-size: 1.375em; line-height: 1.3; outline: none; }
p { margin: 0 0 .75em; text-wrap: pretty; }
p:empty { display: none; }
[role=timer] { font-size: 2.25em; font-weight: 600; font-variant-numeric: tabular-nums; }
[role=status] { color: var(--soft); }
[role=alert] { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
div { display: flex; flex-wrap: wrap; gap: .75em; margin-top: 1.25em; }
button { min-height: 2.75em; padding: .5em 1.25em; border: 1px solid var(--strong); border-radius: 6px;
  background: none; color: var(--text); font: inherit; font-weight: 600; cursor: pointer; }
button:first-child { background: var(--strong); color: var(--on); }
button:focus-visible { outline: 3px solid var(--strong); outline-offset: 3px; }
@media (max-width: 30em) { button { flex: auto; } }
@media (prefers-color-scheme: dark) { dialog { --back: #1c222b; --text: #eef1f5; --soft: #b3bdca; --line: #36404d;
  --strong: #8fbdf5; --on: #0c1a2b; } }`;

/**
 * The screens in the page's language, else the browser's. `page`: the window that they cover. Rejects where the texts
 * cannot be fetched.
 * @param {string} base @param {Window} page @param {Actions} actions @param {typeof fetch} fetch
 * @returns {Promise<Screens>}
 */
export async function load(base, page, actions, fetch) {
  const wishes = [own(page.document, "documentElement").lang, ...navigator.languages];
  const tags = wishes.map((wish) => wish.toLowerCase().split("-")[0]);
  const language = tags.find((tag) => LANGUAGES.includes(tag)) || "en";
  const answer = await fetch(`${base}texts/${language}.json`);
  const signIn = () => signInAgain(base, page);
  return screens(page, { ...actions, signIn }, language, await answer.json());
}

/** The name of the window to sign in, which no frame of the page has. */
const WINDOW = "claims-session " + Math.random();

/**
 * In a window of its own, so that the page stays; where that is blocked, in its place.
 * @param {string} base @param {Window} page
 */
function signInAgain(base, page) {
  const url = base + "sign-in?again&return=";
  const { pathname, search } = page.location, done = new URL("signed-in", base).pathname;
  const popup = open(url + encodeURIComponent(done), WINDOW, "popup,width=520,height=720");
  if (!popup) page.location.assign(url + encodeURIComponent(pathname + search));
}

/**
 * @param {Window} page @param {Actions & {signIn(): void}} actions
 * @param {string} language @param {Record<string, string>} texts
 * @returns {Screens}
 */
function screens(page, actions, language, texts) {
  const { document } = page;
  const direction = language === "ar" ? "rtl" : "ltr";
  /** @type {HTMLDialogElement|undefined} */ let dialog;
  let shown = "", said = "", title = "";

  /** @template {keyof HTMLElementTagNameMap} T @param {T} tag @param {Record<string, string>} attributes */
  function element(tag, attributes, text = "") {
    /** @type {HTMLElementTagNameMap[T]} */ const made = own(document, "createElement").call(document, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.textContent = text;
    return made;
  }

  function make() {
    /** @type {HTMLElement} */ const host = own(document, "createElement").call(document, "claims-session");
    const root = host.attachShadow({ mode: "open" });
    // Of the page's window: a sheet belongs to the document that it was made in.
    const sheet = new /** @type {any} */ (page).CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    const made = element("dialog", { role: "alertdialog", "aria-labelledby": "title", "aria-describedby": "text" });
    made.addEventListener("cancel", (event) => {
      event.preventDefault();
      if (shown === "session_warning") actions.later();
    });
    // Where `closedby` is not known, a second Escape closes a dialog whatever the first was answered with.
    made.addEventListener("close", () => {
      if (shown && !made.open) made.showModal();
    });
    // What is typed into the screen is none of the page's shortcuts.
    for (const type of ["keydown", "keyup"]) host.addEventListener(type, (event) => event.stopPropagation());
    root.append(made);
    own(document, "documentElement").append(host);
    return made;
  }

  function open() {
    if (!dialog?.isConnected) dialog = make();
    const buttons = element("div", {});
    for (const [text, act] of BUTTONS[shown]) {
      const button = element("button", { type: "button" }, texts[text]);
      button.onclick = () => actions[act]();
      buttons.append(button);
    }
    dialog.className = shown.endsWith("warning") ? "" : "over";
    dialog.lang = language;
    dialog.dir = direction;
    dialog.setAttribute("closedby", shown === "session_warning" ? "closerequest" : "none");
    dialog.replaceChildren(
      // The heading takes the focus: a space or Enter of somebody who is typing must press nothing.
      element("h2", { id: "title", tabindex: "-1", autofocus: "" }, texts[shown + "_title"]),
      element("p", { id: "text" }, texts[shown + "_text"]),
      element("p", { role: "timer", "aria-live": "off" }),
      element("p", { role: "status" }),
      buttons,
      element("p", { role: "alert" }),
    );
    said = "";
    if (dialog.open) /** @type {HTMLElement} */ (dialog.firstChild).focus();
    else dialog.showModal();
  }

  /** @param {number} seconds @param {boolean} away */
  function tell(seconds, away) {
    if (!dialog) return;
    const [timer, status, alert] = dialog.querySelectorAll("p[role]");
    const whole = Math.ceil(Math.max(0, seconds));
    const counts = shown.endsWith("warning");
    timer.textContent = counts ? `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}` : "";
    status.textContent = away ? texts.unreachable : "";
    // Aloud each minute, and near the end: nobody can listen to every second.
    const [count, unit] = whole < 60 ? [Math.ceil(whole / 15) * 15, "second"] : [Math.ceil(whole / 60), "minute"];
    const time = new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(count);
    const line = counts ? texts.time_left.replace("{time}", time) : "";
    if (line !== said) alert.textContent = said = line;
  }

  /** A tab that nobody looks at calls by its title; where motion is not wanted, once. */
  function call() {
    const current = own(document, "title"), ours = title && current === title;
    const plain = ours ? title.replace(/^● .*? – /, "") : current;
    const still = page.matchMedia("(prefers-reduced-motion: reduce)").matches;
    const calls = shown && own(document, "hidden") && (still || !ours);
    if (!calls && !ours) return;
    title = calls ? `● ${texts[shown + "_title"]} – ${plain}` : "";
    Reflect.set(Document.prototype, "title", title || plain, document);
  }

  return {
    show(wish, seconds, away = false, busy = false) {
      const name = !wish || wish in BUTTONS ? wish : ENDINGS[wish] || "signed_out";
      if (busy && !shown) return;
      // A page that draws itself anew takes the screen away with all else.
      if (name !== shown || (shown && !dialog?.isConnected)) {
        shown = name;
        if (shown) open();
        else dialog?.close(); // which gives the focus back to where it was
      }
      if (shown) tell(seconds, away);
      call();
    },
    signedIn() {
      document.documentElement.lang = language;
      document.documentElement.dir = direction;
      document.title = texts.signed_in_title;
      document.querySelectorAll("h1, p").forEach((each, index) => {
        each.textContent = index ? texts.signed_in_text : texts.signed_in_title;
      });
    },
  };
}
