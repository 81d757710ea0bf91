// Controls that a screen reader could not name.
() => [...document.querySelectorAll('button, a, input, select, textarea, meter, [role=region], [tabindex="0"]')]
  .filter((one) => one.checkVisibility() && !(one.getAttribute('aria-label') || one.innerText?.trim() || one.labels?.length
    || one.closest('.outcomes')))
  .map((one) => one.outerHTML.slice(0, 100))
