// A password field. What is typed goes to the kernel as a message, and never into the state that a notebook keeps.
export default {
  render({ model, el }) {
    el.innerHTML = '<input type="password" placeholder="not stored" autocomplete="off">';
    el.oninput = ({ target }) => model.send({ typed: target.value });
    model.on("msg:custom", () => (el.firstChild.value = "")); // the kernel has used it
  },
};
