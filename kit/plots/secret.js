// A password field. What is typed goes to the kernel as a message: it is never in the model's state, which a notebook
// is saved with.
function render({ model, el }) {
  const input = document.createElement("input");
  input.type = "password";
  input.placeholder = "not stored";
  input.autocomplete = "off";
  input.addEventListener("input", () => model.send({ typed: input.value }));
  model.on("msg:custom", (message) => {
    if (message.kind === "forget") input.value = "";
  });
  el.append(input);
}

export default { render };
