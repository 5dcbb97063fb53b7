// Looks at a report in frames of several widths, and once as it is printed, and writes what is wrong with it, one fault a line, into
// the element that the script of the shell reads. The report itself holds no script.
'use strict';
const faults = [];
const counts = { texts: 0, tables: 0, drawings: 0 };

// The red, green and blue of a colour as the browser tells it, and how much of it there is.
function parts(colour) {
  const numbers = (colour.match(/[\d.]+/g) || []).map(Number);
  return { rgb: numbers.slice(0, 3), alpha: numbers.length > 3 ? numbers[3] : 1 };
}

function luminance(rgb) {
  const [r, g, b] = rgb.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a, b) {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

// What is painted behind an element, or behind a text of a drawing at its middle.
function behind(element, view) {
  const drawing = element.closest('svg');
  if (drawing) {
    const box = element.getBoundingClientRect();
    const [x, y] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
    let colour = null;
    for (const shape of drawing.querySelectorAll('rect')) {
      const place = shape.getBoundingClientRect();
      if (place.left <= x && x <= place.right && place.top <= y && y <= place.bottom) colour = view.getComputedStyle(shape).fill;
    }
    if (colour) return parts(colour).rgb;
    element = drawing;
  }
  for (let at = element; at; at = at.parentElement) {
    const { rgb, alpha } = parts(view.getComputedStyle(at).backgroundColor);
    if (alpha === 1) return rgb;
    if (alpha > 0) faults.push(`a background that lets others through: ${at.tagName}.${at.className}`);
  }
  return [255, 255, 255];
}

function checkTexts(name, page, view) {
  const seen = new Set();
  const walk = page.createTreeWalker(page.body, 4);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || ['STYLE', 'title', 'desc'].includes(element.tagName) || !element.checkVisibility()) continue;
    counts.texts += 1;
    const style = view.getComputedStyle(element);
    const colour = element.closest('svg') ? style.fill : style.color;
    const measured = contrast(parts(colour).rgb, behind(element, view));
    const place = `${element.tagName}.${element.getAttribute('class') || ''}`;
    if (measured < 4.5 && !seen.has(place)) {
      seen.add(place);
      faults.push(`${name}: contrast ${measured.toFixed(2)} of ${place} "${node.data.trim().slice(0, 30)}"`);
    }
    // Letters of a drawing are as large as it is scaled.
    const size = parseFloat(style.fontSize) * (element.closest('svg') ? element.getScreenCTM().a : 1);
    if (size < 9 && !seen.has('small ' + place)) {
      seen.add('small ' + place);
      faults.push(`${name}: letters of ${size.toFixed(1)} px in ${place} "${node.data.trim().slice(0, 30)}"`);
    }
  }
}

// Texts of a drawing stay inside it; they do not widen the page, but would be cut off.
function checkDrawings(name, page) {
  for (const drawing of page.querySelectorAll('svg[role=img]')) {
    if (!drawing.checkVisibility()) continue;
    counts.drawings += 1;
    if (!drawing.querySelector('title') || !drawing.querySelector('desc')) faults.push(`${name}: a drawing without words`);
    const box = drawing.getBoundingClientRect();
    for (const text of drawing.querySelectorAll('text')) {
      const place = text.getBoundingClientRect();
      if (place.left < box.left - 1.5 || place.right > box.right + 1.5) {
        faults.push(`${name}: "${text.textContent}" leaves its drawing (${drawing.querySelector('title').textContent})`);
      }
    }
  }
}

function checkTables(name, page) {
  for (const table of page.querySelectorAll('table')) {
    counts.tables += 1;
    if (!table.caption || !table.caption.textContent.trim()) faults.push(`${name}: a table without a caption`);
    for (const cell of table.querySelectorAll('th')) if (!cell.scope) faults.push(`${name}: a header without a scope`);
  }
}

function checkWidth(name, page) {
  const root = page.documentElement;
  if (root.scrollWidth > root.clientWidth) {
    const widest = [...page.body.querySelectorAll('*')].filter((e) => e.getBoundingClientRect().right > root.clientWidth + 1)
      .slice(0, 3).map((e) => `${e.tagName}.${e.getAttribute('class') || ''}`);
    faults.push(`${name}: scrolls sideways, ${root.scrollWidth} of ${root.clientWidth} px: ${widest.join(', ')}`);
  }
  for (const element of page.body.querySelectorAll('*')) {
    if (element.scrollWidth > element.clientWidth + 1 && ['auto', 'scroll'].includes(page.defaultView.getComputedStyle(element).overflowX)) {
      faults.push(`${name}: ${element.tagName} scrolls sideways`);
    }
  }
}

function check(name, frame) {
  const [page, view] = [frame.contentDocument, frame.contentWindow];
  const asked = view.performance.getEntriesByType('resource').filter((entry) => !entry.name.startsWith('data:'));
  for (const entry of asked) faults.push(`${name}: asks for ${entry.name}`);
  if (page.scripts.length > 0) faults.push(`${name}: holds a script`);
  for (const image of page.images) if (!image.complete || image.naturalWidth === 0) faults.push(`${name}: a picture that does not show`);
  checkWidth(name, page);
  checkDrawings(name, page);
  checkTables(name, page);
  checkTexts(name, page, view);
}

// Has the frame look as on paper: rules for print count, those for a dark screen do not.
function print(frame) {
  for (const sheet of frame.contentDocument.styleSheets) {
    for (const rule of sheet.cssRules) {
      if (!rule.media) continue;
      if (rule.media.mediaText === 'print') rule.media.mediaText = 'all';
      else if (/prefers-color-scheme|screen/.test(rule.media.mediaText)) rule.media.mediaText = 'not all';
    }
  }
}

window.addEventListener('load', () => {
  for (const frame of document.querySelectorAll('iframe')) {
    const name = frame.dataset.name;
    if (frame.dataset.print) print(frame);
    else if (frame.dataset.open) for (const part of frame.contentDocument.querySelectorAll('details')) part.open = true;
    check(name, frame);
    if (frame.dataset.print) {
      for (const part of frame.contentDocument.querySelectorAll('details > :not(summary)')) {
        if (!part.checkVisibility({ contentVisibilityAuto: true })) {
          faults.push(`${name}: something folded is not printed`);
          break;
        }
      }
    }
  }
  const result = document.createElement('pre');
  result.id = 'result';
  result.textContent = [...faults.map((fault) => 'fault: ' + fault), `checked: ${JSON.stringify(counts)}`].join('\n');
  document.body.append(result);
});
