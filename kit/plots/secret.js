// A password field. What is typed goes to the kernel as a message: it is never in the model's state, which a notebook
// is saved with.
function render({ model, el }) {
  const input = document.createElement("input");
  Object.assign(input, { type: "password", placeholder: "not stored", autocomplete: "off" });
  input.oninput = () => model.send({ typed: input.value });
  model.on("msg:custom", () => (input.value = "")); // the kernel has used it
  el.append(input);
}

export default { render };
