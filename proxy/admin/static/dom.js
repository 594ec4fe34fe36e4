// Elements, words and times: what every page here is made of. No text ever becomes markup.

/** An element: `make("p", {class: "quiet", onclick}, "text", child)`. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "value") element.value = value;
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

/** Put these in place of everything an element holds. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
}

/** A user's text with its control and formatting characters escaped: a name cannot turn around what is next to it. */
export function visible(text) {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu, (each) => `\\u{${each.codePointAt(0).toString(16)}}`);
}

/** `{name}` in a text, filled in. */
export function words(text, values = {}) {
  return text.replace(/\{(\w+)\}/g, (_, name) => visible(String(values[name] ?? "")));
}

/** The text for a count: `key_one` for one, `key_none` for none where there is such a text. */
export function counted(texts, key, count, values = {}) {
  const chosen = (count === 1 && texts[`${key}_one`]) || (count === 0 && texts[`${key}_none`]) || texts[key];
  return words(chosen, { count, ...values });
}

/** An instant in UTC seconds, as this reader writes times; the exact one is its title. */
export function time(seconds) {
  const date = new Date(seconds * 1000);
  return make("time", { datetime: date.toISOString(), title: date.toISOString() }, shortTime(seconds));
}

/** The same as a text. */
export function shortTime(seconds) {
  return new Date(seconds * 1000).toLocaleString(undefined, { dateStyle: "short", timeStyle: "short" });
}

/** A table that stacks on narrow screens. `rows`: arrays of nodes or texts. */
export function table(caption, heads, rows) {
  const body = rows.map((cells) => make("tr", {}, cells.map((cell, index) => make("td", { "data-label": heads[index] }, cell))));
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    make("table", { class: "stacks" },
      make("caption", { class: "unseen" }, caption),
      make("thead", {}, make("tr", {}, heads.map((head) => make("th", { scope: "col" }, head)))),
      make("tbody", {}, body)));
}

/** Ask before something that cannot be undone; what was written as the reason, or null. */
export function ask(texts, question, act) {
  return new Promise((resolve) => {
    const why = make("input", { type: "text", id: "ask-why", maxlength: "1000" });
    const dialog = make("dialog", { "aria-labelledby": "ask-question" },
      make("form", { method: "dialog" },
        make("p", { id: "ask-question" }, question),
        make("div", { class: "field" }, make("label", { for: "ask-why" }, texts.why), why),
        make("div", { class: "row" },
          make("button", { value: "yes", class: "main" }, act),
          make("button", { value: "no", formnovalidate: true }, texts.cancel))));
    const before = document.activeElement;
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (before instanceof HTMLElement) before.focus();
      resolve(dialog.returnValue === "yes" ? why.value : null);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
