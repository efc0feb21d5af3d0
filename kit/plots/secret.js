// A password field. What is typed goes to the kernel as a message, and never into the state that a notebook keeps.
function render({ model, el }) {
  el.innerHTML = '<input type="password" placeholder="not stored" autocomplete="off">';
  const input = el.firstChild;
  input.oninput = () => model.send({ typed: input.value });
  model.on("msg:custom", () => (input.value = "")); // the kernel has used it
}

export default { render };
