/* global GraphiQL, React, ReactDOM, graphqlWs */
import { examples } from "./examples.js";
import { authorize, changes, current, heed, signIn, signOut } from "./session.js";

const DEMO_PASSWORD = "medislot-demo";
const ROLES = { PATIENT: "patient", DOCTOR: "doctor", ADMIN: "admin" };

const { development } = JSON.parse(document.getElementById("settings").textContent);
const element = (id) => document.getElementById(id);

function showSession(notice) {
  const session = current();
  element("signed-out").hidden = Boolean(session);
  element("signed-in").hidden = !session;
  element("who").textContent = session ? `Signed in as ${session.user.name} (${ROLES[session.user.role]})` : "";
  element("notice").textContent = notice;
}

/** Keeps the bar's buttons out of reach while something is under way, and says what went wrong. */
async function attempt(action) {
  const buttons = document.querySelectorAll("header button");
  buttons.forEach((button) => (button.disabled = true));
  element("notice").textContent = "";
  try {
    await action();
  } catch (error) {
    element("notice").textContent = error.message;
  }
  buttons.forEach((button) => (button.disabled = false));
}

function prepareBar() {
  changes.addEventListener("session", ({ detail }) => showSession(detail));
  element("sign-in").addEventListener("submit", (event) => {
    event.preventDefault();
    const { email, password } = event.target.elements;
    attempt(async () => {
      await signIn(email.value, password.value);
      event.target.reset();
    });
  });
  element("demo").hidden = !development;
  element("demo").addEventListener("click", ({ target }) => {
    if (target.dataset.email) attempt(() => signIn(target.dataset.email, DEMO_PASSWORD));
  });
  element("sign-out").addEventListener("click", () => attempt(signOut));
  element("restore").addEventListener("click", restoreExamples);
  showSession("");
}

function restoreExamples() {
  if (!confirm("Close all tabs and open the examples anew?")) return;
  for (const stored of ["tabState", "query", "variables"]) localStorage.removeItem(`graphiql:${stored}`);
  location.reload();
}

async function send(address, options) {
  const headers = await authorize(options.headers);
  const response = await fetch(address, { ...options, headers });
  await heed(response.clone(), headers);
  return response;
}

/** Every operation has a socket of its own, so that each speaks for whoever is signed in when it starts. */
function fetcher(parameters, options) {
  const live = graphqlWs.createClient({
    url: new URL("/graphql", location.href.replace(/^http/, "ws")).href,
    connectionParams: async () => Object.fromEntries(await authorize(options?.headers)),
    // Without this a server that restarts ends the subscription for good.
    shouldRetry: () => true,
  });
  const fetch = GraphiQL.createFetcher({
    url: "/graphql",
    fetch: send,
    wsClient: live,
    enableIncrementalDelivery: false,
  });
  return fetch(parameters, options);
}

async function mount() {
  if (!window.GraphiQL) {
    element("graphiql").firstElementChild.textContent =
      "GraphiQL could not be loaded. This server was built without npm, so it comes from a CDN, which cannot be reached.";
    return;
  }
  const defaultTabs = await examples();
  const properties = { fetcher, defaultTabs, defaultEditorToolsVisibility: "variables" };
  ReactDOM.createRoot(element("graphiql")).render(React.createElement(GraphiQL, properties));
}

prepareBar();
await mount();
