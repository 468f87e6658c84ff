// A click on a button that has data-NUMBER tells the server which.
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-class], button[data-sample]");
  if (button) trigger("chosen", { number: Number(button.dataset.class ?? button.dataset.sample) });
});
