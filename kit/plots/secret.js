// A password field. What is typed goes to the kernel as a message, and never into the state that a notebook keeps.
function render({ model, el }) {
  const more = { type: "password", placeholder: "not stored", autocomplete: "off" };
  const input = Object.assign(document.createElement("input"), more);
  input.oninput = () => model.send({ typed: input.value });
  model.on("msg:custom", () => (input.value = "")); // the kernel has used it
  el.append(input);
}

export default { render };
