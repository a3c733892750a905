// Names for controls that the page leaves without one, from the label beside them or their icon.
(() => {
  const KINDS = '[role=slider], input, textarea, button, [role=textbox]';
  const NAMED = 'label';

  const isNamed = (control) =>
    control.getAttribute('aria-label') ||
    control.getAttribute('aria-labelledby') ||
    control.title ||
    (control.labels && control.labels.length) ||
    (control.tagName === 'BUTTON' && control.textContent.trim());

  const ofIcon = (control) => {
    if (/close/i.test(control.className)) return 'Close';
    const icon = control.querySelector('svg[class*="tabler-icon-"]');
    const found = icon && /tabler-icon-([a-z0-9-]+)/.exec(icon.getAttribute('class'));
    return found ? found[1].replaceAll('-', ' ') : 'Control';
  };

  const beside = (control) => {
    for (let at = control.parentElement, n = 0; at && n < 7; at = at.parentElement, n += 1) {
      const label = at.querySelector(NAMED);
      if (label) return label.textContent.trim();
    }
    return '';
  };

  const name = (control) => {
    if (isNamed(control)) return;
    const found = control.tagName === 'BUTTON' ? ofIcon(control) : beside(control);
    if (found) control.setAttribute('aria-label', found);
  };

  const look = () => {
    document.querySelectorAll(KINDS).forEach(name);
    document.querySelectorAll('img:not([alt])').forEach((picture) => {
      picture.alt = beside(picture) || 'Picture';
    });
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true });
})();
