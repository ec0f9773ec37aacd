const SESSION = "session { accessToken expiresAt refreshToken user { name role } } userErrors { message }";
const RESET = `mutation ($input: ResetPasswordInput!) { result: resetPassword(input: $input) { ${SESSION} } }`;
const VERIFY = "mutation ($input: VerifyEmailInput!) { result: verifyEmail(input: $input) { user { id } userErrors { message } } }";
const SIGN_IN = `mutation ($input: LoginInput!) { result: login(input: $input) { ${SESSION} } }`;
const LOGIN = `mutation ($input: LoginWithCodeInput!) { result: loginWithCode(input: $input) { ${SESSION} } }`;
const ACCEPT = "mutation ($input: AcceptInvitationInput!) { result: acceptInvitation(input: $input) { clinic { id } userErrors { message } } }";

const FIRST = "If the address was confirmed for the first time, set a new password or sign in with a code: a letter says why.";
const ACCEPTED = "The clinic may book for you from now on.";

const PAGES = {
  "verify-email": { title: "Confirm your e-mail address", button: "Confirm", mutation: VERIFY, signIn: true, own: "The address is confirmed.", done: `The address is confirmed. ${FIRST}` },
  "reset-password": { title: "Set a new password", button: "Set password", mutation: RESET, password: true },
  "accept-invitation": { title: "Set your password", button: "Set password and sign in", mutation: RESET, password: true },
  "join-clinic": { title: "Let the clinic book for you", button: "Accept", mutation: ACCEPT, signIn: true, own: ACCEPTED, done: `${ACCEPTED} ${FIRST}` },
  "sign-in": { title: "Sign in", button: "Continue", mutation: LOGIN },
};
const TURNED = {
  EMAIL_NOT_VERIFIED: "The provider has not verified your e-mail address.",
  ACCOUNT_NOT_VERIFIED: "There is an account with your address, and the address is not confirmed: sign in to it and confirm it first.",
  UNLINKED: "You have said that the provider shall not let anybody into your account: allow it there first.",
  INACTIVE: "The account was deactivated.",
};

const element = (id) => document.getElementById(id);
const page = PAGES[location.pathname.split("/").pop()];
const brought = new URLSearchParams(location.hash.slice(1));
// What is secret does not stay where others can read it who use this browser.
history.replaceState(null, "", location.pathname);

function say(text) {
  element("notice").textContent = text;
}

async function send(mutation, input, accessToken) {
  const authorization = accessToken ? { authorization: `Bearer ${accessToken}` } : {};
  const response = await fetch("/graphql", {
    method: "POST",
    headers: { "content-type": "application/json", ...authorization },
    body: JSON.stringify({ query: mutation, variables: { input } }),
    signal: AbortSignal.timeout(10_000),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(errors[0].message);
  if (data.result.userErrors.length) throw new Error(data.result.userErrors.map((error) => error.message).join(" "));
  return data.result;
}

element("title").textContent = page.title;
if (brought.has("error")) {
  say(TURNED[brought.get("error")] ?? "That did not work. Please try again.");
} else if (!brought.has("token") && !brought.has("code")) {
  say("The link is not whole: open it from the letter once more.");
} else {
  element("button").textContent = page.button;
  element("sign-in").hidden = !page.signIn;
  element("password").hidden = !page.password;
  element("form").hidden = false;
}

element("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const input = Object.fromEntries(brought);
  if (page.password) input.password = event.target.elements.password.value;
  element("button").disabled = true;
  try {
    const { email, current } = event.target.elements;
    const credentials = { email: email.value, password: current.value };
    const own = current.value ? (await send(SIGN_IN, credentials)).session : undefined;
    const session = (await send(page.mutation, input, own?.accessToken)).session ?? own;
    element("form").hidden = true;
    if (session) sessionStorage.setItem("medislot:session", JSON.stringify(session));
    say(own ? page.own : session ? `You are signed in as ${session.user.name}.` : page.done);
  } catch (error) {
    say(error.name === "TimeoutError" ? "The server did not answer. Please try again." : error.message);
  }
  element("button").disabled = false;
});
