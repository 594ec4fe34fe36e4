// @ts-check
/**
 * What has the watch ask sooner than it would by itself: the stream of `events`, and refusals that the page's own
 * requests meet. Either may fail.
 */
const FIRST_WAIT = 15000, LONGEST_WAIT = 600000;

/**
 * Call `tell` at every event; the answer ends that.
 * @param {string} base @param {() => void} tell
 * @returns {() => undefined}
 */
export function follow(base, tell) {
  /** @type {EventSource|undefined} */ let stream;
  let timer = 0, wait = FIRST_WAIT, lost = false;

  function open() {
    if (!window.EventSource) return;
    const own = (stream = new EventSource(base + "events"));
    for (const type of ["ended", "changed", "message"]) own.addEventListener(type, tell);
    own.onopen = () => {
      wait = FIRST_WAIT;
      if (lost) tell(); // what was told between two streams was missed
      lost = false;
    };
    own.onerror = () => {
      // Refused, or broken off: an EventSource would come again by itself within seconds, and so would every other.
      wait = own.readyState === own.CLOSED ? LONGEST_WAIT : Math.min(wait * 2, LONGEST_WAIT);
      lost = true;
      if (own.readyState === own.CLOSED) tell(); // refused: there may be no session any more
      own.close();
      timer = setTimeout(open, wait * (0.5 + Math.random()));
    };
  }

  open();
  return () => {
    clearTimeout(timer);
    stream?.close();
  };
}

const seen = new WeakSet();

/**
 * Call `tell` when a fetch or XMLHttpRequest of this window comes back with our challenge. To the page nothing changes.
 * @param {any} view @param {() => void} tell
 */
export function notice(view, tell) {
  /** @param {any} answer a Response or an XMLHttpRequest */
  const look = (answer) => isOurs(answer).then((ours) => ours && tell(), () => {}); // or it is the application's own
  wrap(view, "fetch", (call) => {
    const answer = call();
    answer?.then?.(look, () => {}); // whatever the page has in its place
    return answer;
  });
  wrap(view.XMLHttpRequest?.prototype, "send", (call, request) => {
    request.addEventListener("loadend", () => look(request), { once: true });
    return call();
  });
}

/** @param {any} holder @param {string} name @param {(call: () => any, self: any) => any} around */
function wrap(holder, name, around) {
  try {
    if (seen.has(holder[name])) return;
    holder[name] = new Proxy(holder[name], {
      apply: (target, self, values) => around(() => Reflect.apply(target, self, values), self),
    });
    seen.add(holder[name]);
  } catch {} // the page has taken it away, or frozen it
}

/** Our challenge is JSON with `error` and `reference`. @param {any} answer */
async function isOurs(answer) {
  if (answer.status !== 401 || !(answer.url || answer.responseURL).startsWith(location.origin + "/")) return false;
  const copy = answer.clone ? answer.clone() : new Response(answer.response);
  const { error, reference } = answer.responseType === "json" ? answer.response : await copy.json();
  return !!error && !!reference;
}
