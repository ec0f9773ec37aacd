import { ask } from "./graphql.js";

const SESSION = "session { accessToken expiresAt refreshToken user { name role } } userErrors { message }";
const LOGIN = `mutation ($input: LoginInput!) { login(input: $input) { ${SESSION} } }`;
const REFRESH = `mutation ($input: RefreshSessionInput!) { refreshSession(input: $input) { ${SESSION} } }`;
const LOGOUT = "mutation { logout(input: {}) { userErrors { message } } }";

const STORED = "medislot:session";
const ENDED = "Your session has ended. Please sign in again.";
/** So long before it expires a token is renewed, in milliseconds. */
const MARGIN = 30_000;

let renewal = null;

/** Announces with the event "session" that somebody signed in or out. */
export const changes = new EventTarget();

/** The session of the person who is signed in in this window, or null. */
export function current() {
  return JSON.parse(sessionStorage.getItem(STORED));
}

export async function signIn(email, password) {
  const { login } = await ask(LOGIN, { input: { email, password } });
  if (!login.session) throw new Error(login.userErrors[0].message);
  keep(login.session);
}

export async function signOut() {
  try {
    await ask(LOGOUT, {}, await accessToken());
  } catch {
    // Whoever asks to be signed out is, also where the server cannot be told.
  }
  end("");
}

/** The headers, with the session's token where they bring none of their own. */
export async function authorize(given) {
  const headers = new Headers(given);
  if (!headers.has("authorization")) {
    const token = await accessToken();
    if (token) headers.set("authorization", `Bearer ${token}`);
  }
  return headers;
}

/** Ends the session if it is the token of these headers that the answer refuses. */
export async function heed(answer, headers) {
  const session = current();
  if (!session || headers.get("authorization") !== `Bearer ${session.accessToken}`) return;
  const content = await answer.json().catch(() => null);
  if (content?.errors?.some((error) => error.extensions?.code === "UNAUTHENTICATED")) end(ENDED);
}

async function accessToken() {
  const session = current();
  if (!session) return null;
  if (Date.parse(session.expiresAt) - Date.now() > MARGIN) return session.accessToken;
  // A refresh token works once, so everybody waits for the same renewal.
  renewal ??= renew(session.refreshToken).finally(() => (renewal = null));
  return renewal;
}

async function renew(refreshToken) {
  const { refreshSession } = await ask(REFRESH, { input: { refreshToken } });
  if (!refreshSession.session) {
    end(ENDED);
    throw new Error(ENDED);
  }
  keep(refreshSession.session);
  return refreshSession.session.accessToken;
}

function keep(session) {
  sessionStorage.setItem(STORED, JSON.stringify(session));
  announce("");
}

function end(notice) {
  sessionStorage.removeItem(STORED);
  announce(notice);
}

function announce(notice) {
  changes.dispatchEvent(new CustomEvent("session", { detail: notice }));
}
