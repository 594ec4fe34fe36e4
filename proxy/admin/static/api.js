// The API: one way to ask and one to change, and what goes wrong as one kind of error.

export const base = document.body.dataset.base;
export const mount = document.body.dataset.mount;

/** What the API answered instead. `problems`: faults of single fields. `signIn`: the sign-in that a change waits for. */
export class Refused extends Error {
  constructor(status, body) {
    super(body.message ?? body.error ?? `HTTP ${status}`);
    this.status = status;
    this.error = body.error;
    this.problems = body.problems ?? [];
    this.signIn = body.sign_in;
  }
}

let token = "";

async function fetched(path, options) {
  let response;
  try {
    response = await fetch(`${base}/${path}`, { credentials: "same-origin", ...options });
  } catch {
    throw new Refused(0, { error: "offline" });
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(response.status, body);
  return body;
}

/** Ask. `query`: parameters; empty ones are left out. */
export function ask(name, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value);
  const search = new URLSearchParams(given).toString();
  return fetched(`api/${name}${search ? `?${search}` : ""}`);
}

/** Who we are. The token for changes is kept. */
export async function me() {
  const found = await ask("me");
  token = found.token;
  return found;
}

/** Change something. */
export function send(name, body) {
  return fetched(`api/${name}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Claims-Token": token },
    body: JSON.stringify(body),
  });
}

/** The words of these pages. */
export function texts() {
  return fetched("texts.json");
}

/** A sign-in, to come back here; by default one that asks for credentials. */
export function credentialsAddress(signIn = `${mount}/sign-in?credentials`) {
  return `${signIn}&return=${encodeURIComponent(location.pathname + location.search)}`;
}
