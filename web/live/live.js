// Asks the server how things are, again and again, and shows it. Nothing is asked while the page is
// hidden.
"use strict";

const STATE_EVERY_MS = 1000;
const REPORT_EVERY_MS = 2000;
// A change is priced before it is made, which takes seconds on a busy host.
const ANSWER_WITHIN_MS = 30000;
// How long a chart stays as it is after somebody has moved over it, or used its controls.
const HELD_MS = 4000;

const TOKEN_KEY = "edgetp-token";

function ask(path, options = {}) {
  const token = sessionStorage.getItem(TOKEN_KEY);
  const headers = { ...options.headers, ...(token ? { [TOKEN_KEY]: token } : {}) };
  const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
  return fetch(path, { ...options, headers, signal, cache: "no-store", credentials: "omit" });
}

class WantsToken extends Error {}

async function askFor(path, options) {
  const answer = await ask(path, options);
  if (answer.status === 401) throw new WantsToken((await answer.json()).error);
  if (!answer.ok && answer.status !== 304) throw new Error((await answer.json()).error);
  return answer;
}

// Somebody reads a chart's tip, or has a list of it open.
let touched = -HELD_MS;
for (const type of ["pointermove", "pointerdown", "keydown"])
  addEventListener(type, () => (touched = performance.now()), { passive: true });

function isHeld(card) {
  if (performance.now() - touched > HELD_MS) return false;
  const at = document.activeElement;
  const uses = card.controls && card.controls.contains(at) && at.tagName === "SELECT";
  return uses || card.drawing.matches(":hover");
}

let reportTag = null;
let begun = false;

async function updateReport() {
  const answer = await askFor("api/report", {
    headers: reportTag ? { "If-None-Match": reportTag } : {},
  });
  if (answer.status === 304) return;
  reportTag = answer.headers.get("ETag");
  const report = await answer.json();
  // Before anything is drawn: charts take their width from the page.
  document.body.classList.toggle("bare", report.runs.length === 0);
  if (begun) refresh(report, isHeld);
  else begin(report);
  begun = true;
}

async function updateState() {
  const state = await (await askFor("api/state")).json();
  showCluster(state);
  showTuning(state);
  say(true, `edgetp_server ${state.version} at ${state.address}, up ${seconds(state.uptime_seconds)}`);
}

function say(connected, text) {
  const node = document.getElementById("connection");
  node.className = connected ? "connected" : "lost";
  if (node.textContent !== text) node.textContent = text;
}

const tokenForm = document.getElementById("token");
tokenForm.addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN_KEY, new FormData(tokenForm).get("token").trim());
  tokenForm.hidden = true;
  run();
});

function askForToken(message) {
  const sent = sessionStorage.getItem(TOKEN_KEY);
  sessionStorage.removeItem(TOKEN_KEY);
  say(false, "this cluster has a token");
  tokenForm.querySelector("p").textContent = sent ? message : "";
  tokenForm.hidden = false;
  tokenForm.elements.token.focus();
}

const asks = [
  { update: updateState, every: STATE_EVERY_MS, due: 0 },
  { update: updateReport, every: REPORT_EVERY_MS, due: 0 },
];

async function run() {
  try {
    for (const each of asks) {
      if (document.hidden || performance.now() < each.due) continue;
      await each.update();
      each.due = performance.now() + each.every;
    }
  } catch (error) {
    if (error instanceof WantsToken) {
      askForToken(error.message);
      return; // until there is one
    }
    say(false, `the server does not answer: ${error.message}`);
  }
  setTimeout(run, STATE_EVERY_MS / 4);
}
document.addEventListener("visibilitychange", () => asks.forEach((each) => (each.due = 0)));
run();
