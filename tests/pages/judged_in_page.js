// Measures one page as it is drawn, and returns what falls short, in words.
() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const behind = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) layers.push(rgba(getComputedStyle(e).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const luminance = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, two) => {
    const [low, high] = [luminance(one), luminance(two)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const beam = rgba(getComputedStyle(document.documentElement).getPropertyValue("--beam").trim());
  const found = [];
  const judge = (what, one, two, least) => {
    const ratio = contrast(one, two);
    if (ratio < least) found.push(`contrast ${ratio.toFixed(2)} < ${least}: ${what}`);
  };

  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const words = node.textContent.trim();
    const element = node.parentElement;
    if (!words || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    const ground = behind(element);
    judge(words.slice(0, 40), over(rgba(style.color), ground), ground, least);
    if (element.closest(".lit main > h1, .lit main > p")) {
      const lit = over(beam, ground);
      judge(`in the light: ${words.slice(0, 40)}`, over(rgba(style.color), lit), lit, least);
    }
    if (size < 12) found.push(`text of ${size}px: ${words.slice(0, 40)}`);
  }

  for (const control of document.querySelectorAll("a, button, input:not([type=hidden])")) {
    const name = control.id || control.textContent.trim();
    // A label around a checkbox is touched in its place.
    const box = (control.closest("label") ?? control).getBoundingClientRect();
    if (box.width < 44 || box.height < 44) found.push(`${name} is ${box.width}×${box.height}`);
    const style = getComputedStyle(control);
    const ground = behind(control.parentElement);
    const filled = contrast(behind(control), ground) >= 3;
    if (control.matches("input:not([readonly]), .deny") && !filled) {
      judge(`border of ${name}`, rgba(style.borderTopColor), ground, 3);
    }
  }

  const wide = document.documentElement.scrollWidth;
  if (wide > innerWidth) found.push(`${wide}px wide in a window of ${innerWidth}px`);
  return found;
}
