// The fields of one organization's settings, or of those of all.

import { fill, make, words } from "./dom.js";

/** `elements` to show; `changes(found)` differ from what was found; `complain(setting, text)` at its field. */
export function fieldsOf(texts, found, organization) {
  const own = texts.general;
  const scope = organization?.name ?? null;
  const fixed = found.source === "yaml";
  const fields = new Map();
  const current = (state, setting) => state.settings.find((row) => row.organization === scope && row.setting === setting)?.value ?? null;
  const id = (setting) => `setting-${setting.replace(".", "-")}`;

  function add(setting, read, write, inputs) {
    const error = make("p", { class: "error", id: `${id(setting)}-error` });
    fields.set(setting, { read, write, inputs, error });
    return error;
  }

  function minutes(setting, least, most) {
    const hint = make("p", { class: "hint", id: `${id(setting)}-hint` }, words(own.bounds, { least, most }));
    const input = make("input", {
      type: "number", id: id(setting), min: least, max: most, step: "1", disabled: fixed,
      "aria-describedby": `${id(setting)}-hint ${id(setting)}-error`, value: current(found, setting) ?? "",
    });
    const read = () => (input.value.trim() === "" ? null : Number(input.value));
    const error = add(setting, read, (value) => { input.value = value ?? ""; }, [input]);
    return make("div", { class: "field" }, make("label", { for: id(setting) }, own[setting]),
      make("span", { class: "choice" }, input, own.minutes), hint, error);
  }

  /** Radio buttons; `options`: [value, label]. `titled`: what stands above them says it already. */
  function choice(setting, legend, options, titled = false) {
    const inputs = options.map(([value, label]) => {
      const input = make("input", { type: "radio", name: id(setting), id: `${id(setting)}-${value}`, value: JSON.stringify(value), disabled: fixed });
      input.checked = current(found, setting) === value;
      return [input, make("label", { for: input.id }, label)];
    });
    const buttons = inputs.map(([input]) => input);
    const read = () => JSON.parse(buttons.find((input) => input.checked)?.value ?? "null");
    const write = (value) => { for (const input of buttons) input.checked = input.value === JSON.stringify(value); };
    const error = add(setting, read, write, buttons);
    return make("div", { class: "field", role: "radiogroup", "aria-label": legend },
      titled ? null : make("span", {}, legend), inputs.map(([input, label]) => make("span", { class: "choice" }, input, label)), error);
  }

  const yesNo = [[true, own.yes], [false, own.no]];
  const onOff = [[true, own.on], [false, own.off]];
  const group = (legend, ...children) => make("fieldset", {}, make("legend", {}, legend), children);
  const limits = found.limits;
  const elements = organization === null
    ? [
      group(own.switches, ["AllowCustomSessionDuration", "AllowCustomInactivityDuration", "WSFedNonceCookieEnabled"].map((name) => choice(name, own[name], onOff))),
      group(own.bits, choice("FCB.UCIInactivityTimeout", own["FCB.UCIInactivityTimeout"], onOff)),
    ]
    : [
      group(own.session,
        choice("sessiontimeoutenabled", own.session, [[false, own.session_default], [true, own.session_custom]], true),
        minutes("sessiontimeoutinmins", limits.session_minimum, limits.session_maximum),
        minutes("sessiontimeoutreminderinmins", limits.reminder_minimum, limits.session_maximum - 1)),
      group(own.inactivity,
        choice("inactivitytimeoutenabled", own.inactivity_enable, yesNo),
        minutes("inactivitytimeoutinmins", limits.inactivity_minimum, limits.session_maximum - 1),
        minutes("inactivitytimeoutreminderinmins", limits.reminder_minimum, limits.session_maximum - 1)),
      group(own.access, choice("WSFedNonceCookieEnabled", own.WSFedNonceCookieEnabled, [[null, organization.kind === "portal" ? own.portal_default : own.inherit], ...onOff])),
      organization.kind === "portal"
        ? group(own.portal_switches, ["AllowCustomSessionDuration", "AllowCustomInactivityDuration"].map((name) => choice(name, own[name], onOff)))
        : null,
    ];

  return {
    elements,
    changes(state) {
      return [...fields].map(([setting, field]) => ({ organization: scope, setting, value: field.read() }))
        .filter((wish) => wish.value !== current(state, wish.setting));
    },
    /** What is to be changed, as it was before these fields were made anew. */
    put(wishes) {
      for (const { setting, value } of wishes) fields.get(setting)?.write(value);
    },
    /** Whether something was written that is no whole number; said at its field. */
    unreadable() {
      let found = false;
      for (const { read, inputs, error } of fields.values()) {
        const value = read();
        if (!inputs[0].validity.badInput && (typeof value !== "number" || Number.isSafeInteger(value))) continue;
        found = true;
        fill(error, own.whole);
        inputs[0].setAttribute("aria-invalid", "true");
      }
      return found;
    },
    clear() {
      for (const { inputs, error } of fields.values()) {
        fill(error);
        for (const input of inputs) input.removeAttribute("aria-invalid");
      }
    },
    complain(setting, text) {
      const field = fields.get(setting);
      if (!field) return;
      fill(field.error, text);
      for (const input of field.inputs) input.setAttribute("aria-invalid", "true");
    },
    focusFirst() {
      for (const { inputs } of fields.values()) {
        const wrong = inputs.find((input) => input.getAttribute("aria-invalid") === "true");
        if (wrong) return wrong.focus();
      }
      return undefined;
    },
  };
}
