// The form that changes the network: the words of `edgetp network set`, checked by the server as
// those are. It is made once, so that what is typed stays while the page goes on.
"use strict";

const TUNING_FIELDS = [
  { name: "delay", title: "Delay, one way", example: "50ms" },
  { name: "jitter", title: "Jitter", example: "5ms" },
  { name: "rate", title: "Rate", example: "20mbit" },
  { name: "loss", title: "Loss", example: "1%" },
  { name: "link", title: "Only the link", example: "0:1, or 0:*" },
  { name: "partition", title: "Partition", example: "0:1, or none" },
  { name: "for", title: "For how long", example: "30s" },
];

function tuningField({ name, title, example }) {
  return element(
    "label",
    {},
    title,
    element("input", { name, placeholder: example, autocomplete: "off", spellcheck: "false" }),
  );
}

async function changeNetwork(form, said) {
  const words = Object.fromEntries(new FormData(form));
  said.className = "";
  said.textContent = "…";
  const answer = await ask("api/network", {
    method: "POST",
    headers: { "Content-Type": "application/json", "Edgetp-Intent": "tune" },
    body: JSON.stringify(words),
  });
  const result = await answer.json();
  said.className = answer.ok ? "done" : "error";
  said.textContent = answer.ok ? `The network is now ${result.network}.` : result.error;
  if (answer.ok) form.reset();
}

// Once the server has said that it may be there.
function showTuning(state) {
  const node = document.getElementById("tuning");
  if (!state.tuning || !node.hidden) return;
  const said = element("p", { role: "status" });
  const profile = element(
    "select",
    { name: "name" },
    element("option", { value: "" }, "the one in force"),
    ...state.presets.map((name) => element("option", { value: name }, name)),
  );
  const form = element(
    "form",
    {
      onsubmit: (event) => {
        event.preventDefault();
        changeNetwork(form, said).catch((error) => {
          said.className = "error";
          said.textContent = `The server did not answer: ${error.message}`;
        });
      },
    },
    element("label", {}, "Profile", profile),
    ...TUNING_FIELDS.map(tuningField),
    element("button", {}, "Change the network"),
  );
  node.replaceChildren(
    element("h2", {}, "Change the network"),
    element("p", { class: "says" }, "Of the cluster and, at once, of the run under way."),
    form,
    said,
  );
  node.hidden = false;
}
