// What is typed into a list searches it, rather than being added to the name of what is chosen.
() => {
  document.addEventListener("focusin", ({ target }) => {
    if (target.matches('input[role="combobox"], .wrap-inner input')) setTimeout(() => target.select());
  });
}
