// @ts-check
/**
 * Watches the session of the page it is put into: warns before it ends, tells the proxy of real input, says why it
 * ended, and has the user sign in again without losing the page.
 *
 * @typedef {"session_ends_in"|"session_warning_in"|"inactivity_ends_in"|"inactivity_warning_in"} Limit
 * @typedef {Partial<Record<Limit, number|null>> & {state: string, reason: string, principal?: string,
 *   dialogs?: boolean, activity_resolution?: number, at: number, active: boolean}} Told
 *   what `session` and `activity` answer, in seconds; `at`: Date.now() when asked; `active`: it answers a report
 */
(() => {
  "use strict";
  if (location.origin === "null") return; // no session either
  const base = location.origin + "$MOUNT/"; // filled in by the proxy
  const NAME = "claims-session " + base, MARK = Symbol.for(NAME);
  const view = /** @type {any} */ (window);
  const fetchAsIs = fetch.bind(view);
  const bring = (/** @type {string} */ name) => import(`${base}session-${name}.js`);

  // One watch for a page and all its frames of this origin: the outermost's.
  let outermost = view;
  try {
    while (outermost.parent !== outermost && outermost.parent.document) outermost = outermost.parent;
  } catch {} // of another origin
  if (view[MARK]) return;
  if (outermost[MARK]) return outermost[MARK](view);
  view[MARK] = attach;

  // Markup can put an element in the place of any property of a document: these are read past it.
  /** @param {Document} page @param {[string, (event: any) => void, object?]} rest */
  const on = (page, ...rest) => EventTarget.prototype.addEventListener.apply(page, rest);
  const hidden = () => Reflect.get(Document.prototype, "hidden", document);

  // What is known. Instants are milliseconds of now(), which goes on through sleep, as performance.now() may not.
  let offset = Date.now() - performance.now(), slept = 0;
  const now = () => performance.now() + slept;
  /** @type {Told|undefined} */ let told;
  /** @type {boolean|undefined} whether screens are to be shown */ let wanted;
  let toldAt = 0, mine = "", away = false, retryAt = 0, retryAfter = 0, snoozedTo = 0, overdue = 0, confirmed = "";

  /** @param {Limit} limit */
  const left = (limit) => (told?.[limit] ?? Infinity) - (now() - toldAt) / 1000;

  /** The screen that is due, or the reason of the end; "over" where the proxy has to say which. */
  function due() {
    if (!told || !wanted || told.state === "none" && !mine) return "";
    if (told.state !== "live") return told.reason;
    const ends = left("session_ends_in"), idle = left("inactivity_ends_in");
    if (Math.min(ends, idle) <= 0) return "over";
    if (idle < ends && left("inactivity_warning_in") <= 0) return "inactivity_warning";
    return left("session_warning_in") <= 0 && now() >= snoozedTo ? "session_warning" : "";
  }

  function settle() {
    if (due() !== "over") confirmed = due();
  }

  /** @type {Promise<void>|undefined} */ let asking;
  let anew = false; // asked for while an answer is under way

  function ask() {
    anew = !!asking;
    return (asking ||= talk("session", "GET").finally(() => {
      asking = undefined;
      if (anew) ask();
    }));
  }

  /** @param {string} path @param {string} method */
  async function talk(path, method) {
    const asked = Date.now();
    /** @type {Told|undefined} */ let answer;
    try {
      const signal = AbortSignal.timeout?.(10000);
      answer = await (await fetchAsIs(base + path, { method, signal, cache: "no-store", redirect: "error" })).json();
    } catch {} // out of reach, which ends no session
    if (!answer || !["live", "ended", "none"].includes(answer.state)) {
      away = true;
      retryAfter = Math.min(Math.max(retryAfter * 2, 5000), 60000);
      retryAt = now() + retryAfter;
      if (due().endsWith("warning")) confirmed = due();
      return render();
    }
    if (told && told.at > asked) return; // something newer was told meanwhile
    answer.at = asked; // a sleep meanwhile makes nothing longer
    answer.active = method === "POST";
    channel?.postMessage({ told: answer });
    await take(answer);
  }

  /** @param {Told} answer */
  async function take(answer) {
    if (answer.state === "live") {
      const tags = answer.principal || ""; // one per secret, so that rotating them reloads nothing
      if (mine && !mine.split(" ").some((tag) => tags.includes(tag))) { // this page is another user's
        history.replaceState(history.state, ""); // else the form that brought it is posted again
        return location.reload();
      }
      mine = tags;
      wanted = answer.dialogs;
      if (answer.active) reportedAt = now();
    }
    told = answer;
    toldAt = now() - Math.max(0, Date.now() - answer.at);
    away = false;
    retryAt = retryAfter = overdue = 0;
    if (left("session_warning_in") > 0) snoozedTo = 0;
    settle();
    listen();
    if (wanted && !screens) await load();
    render();
  }

  /** @type {import("./session-screens.js").Screens|undefined} */ let screens;
  /** @type {Promise<typeof screens>|undefined} */ let loading;
  const load = () => (loading ||= bring("screens")
    .then((module) => module.load(base, outermost, actions, fetchAsIs))
    .then((loaded) => (screens = loaded), () => (loading = undefined)));
  const actions = {
    later() {
      channel?.postMessage({ later: true });
      later();
    },
    proceed: () => talk("activity", "POST"),
  };

  /** Not before two minutes are left; then not at all. */
  function later() {
    const rest = left("session_ends_in") - 120;
    snoozedTo = rest > 0 ? now() + rest * 1000 : Infinity;
    settle();
    render();
  }

  function render() {
    const limit = confirmed === "session_warning" ? "session_ends_in" : "inactivity_ends_in";
    screens?.show(confirmed, left(limit), away, now() - pressedAt < 1000);
  }

  // The other tabs. One holds the lock, and with it the stream of events; without locks none does.
  /** @type {BroadcastChannel|undefined} */ let channel;
  /** @type {(() => void)|undefined} */ let release;
  /** @type {(() => undefined)|undefined} */ let unfollow;
  /** @type {typeof import("./session-hints.js")|undefined} */ let hints;

  function join() {
    const own = (channel = window.BroadcastChannel && new BroadcastChannel(NAME));
    if (own) own.onmessage = ({ data }) => {
      if (data.later) later();
      else if (!told || data.told.at >= told.at) take(data.told);
    };
    navigator.locks?.request(NAME, () => {
      if (own !== channel) return;
      return new Promise((resolve) => {
        release = () => resolve(0);
        listen();
      });
    }).catch(() => {});
    ask();
    bring("hints").then((module) => ((hints = module), attach(view), listen()), () => {});
  }

  /** A page that is put away keeps nothing open, so that it may come back as it was. */
  function leave() {
    screens?.show("", 0);
    channel?.close();
    release?.();
    channel = release = undefined;
    listen();
  }

  function listen() {
    const wants = release && wanted && told?.state === "live";
    if (wants) unfollow ||= hints?.follow(base, ask);
    else unfollow = unfollow?.();
  }

  // Input. The tab under the user's hands reports for all; any other may be frozen.
  let reportedAt = -Infinity, refusedAt = -Infinity, pressedAt = -Infinity, activeAt = 0, place = "";

  /** @param {Event} event */
  function input(event) {
    if (!event.isTrusted) return;
    if (event.type === "pointermove") { // made up too, when a page changes below a mouse that lies still
      const { screenX, screenY } = /** @type {PointerEvent} */ (event), before = place;
      place = screenX + " " + screenY;
      if (!before || before === place) return;
    }
    activeAt = now();
    if (event.type === "pointerdown") pressedAt = activeAt;
    report();
  }

  function report() {
    if (!activeAt || told?.state !== "live" || told.inactivity_ends_in == null || now() < retryAt) return;
    const resolution = (told.activity_resolution || 5) * 1000;
    // It says «now»: what was typed before a sleep is no news. A warning is answered by its button alone.
    if (now() - activeAt > resolution + 2000 || confirmed === "inactivity_warning" || due() === "over") activeAt = 0;
    else if (now() - reportedAt >= resolution) {
      activeAt = 0;
      reportedAt = now();
      talk("activity", "POST");
    }
  }

  /** @param {any} inner a window */
  function attach(inner) {
    try {
      // Again and again: document.open() takes them away.
      for (const type of ["pointerdown", "pointermove", "keydown", "touchstart", "touchmove", "wheel"])
        on(inner.document, type, input, { capture: true, passive: true });
      hints?.notice(inner, refused);
      for (let index = 0; index < inner.length; index++) attach(inner[index]);
    } catch {} // of another origin
  }

  function refused() {
    if (now() - refusedAt < 5000) return;
    refusedAt = now();
    wanted ??= true;
    ask();
  }

  function tick() {
    if (outermost !== view && outermost[MARK]) { // the script has come to the page around this frame
      clearInterval(ticks);
      told = undefined;
      return leave();
    }
    const drift = Date.now() - performance.now() - offset;
    if (Math.abs(drift) > 2000) { // sleep, or a clock that was set: only the proxy knows
      offset += drift;
      slept += Math.max(0, drift);
      if (told) told.at += drift;
      ask();
    }
    attach(view);
    report();
    // Shown is what the proxy has said; the tab with the lock asks first.
    if (!asking && (away || !told || due() !== confirmed) && now() >= retryAt && (release || ++overdue > 2)) ask();
    listen();
    render();
  }

  function wake() {
    if (!hidden() && now() - toldAt > 10000) ask();
  }

  if (location.href.split(/[?#]/)[0] === base + "signed-in") {
    channel = new BroadcastChannel(NAME);
    ask().then(close).then(load).then((loaded) => loaded?.signedIn());
    return;
  }
  attach(view);
  bring("screens").catch(() => {}); // a policy in the page's head may forbid it later
  join();
  const ticks = setInterval(tick, 1000);
  addEventListener("pagehide", leave);
  addEventListener("pageshow", (event) => event.persisted && join());
  addEventListener("online", () => ((retryAt = 0), ask()));
  on(document, "visibilitychange", wake);
})();
