// Does to the viewer's page what a person does, and prints what came of it as JSON.
//
//   node drive.js '{"url": ..., "browser": ..., "joint": ..., "grip": {...}}'
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const task = JSON.parse(process.argv[2]);
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const FLAGS = [
  '--no-sandbox', '--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader',
];
const found = { elsewhere: [], errors: [], faults: {}, layers: {} };

const browser = await chromium.launch({ executablePath: task.browser, args: FLAGS });
const context = await browser.newContext({ viewport: { width: 1000, height: 700 } });
const page = await context.newPage();
const own = new URL(task.url).host;
const watch = (address) => {
  const { host, protocol } = new URL(address);
  if (!['blob:', 'data:'].includes(protocol) && host !== own) found.elsewhere.push(address);
};
page.on('request', (request) => watch(request.url()));
page.on('websocket', (socket) => watch(socket.url()));
page.on('pageerror', (error) => found.errors.push(String(error)));
page.on('console', (message) => {
  if (/Content Security Policy/i.test(message.text())) found.errors.push(message.text());
});

// What is seen of the scene alone, once it stays the same.
const seen = async () =>
  createHash('sha256').update(await page.screenshot({ clip: await area() })).digest('hex');
const settled = async () => {
  let [last, same] = [await seen(), 0];
  for (let n = 0; n < 80 && same < 3; n += 1) {
    await page.waitForTimeout(100);
    const now = await seen();
    [last, same] = [now, now === last ? same + 1 : 0];
  }
  return last;
};
// Whether the picture becomes another than it was; slow machines take a while.
const until = async (holds) => {
  for (let n = 0; n < 150; n += 1) {
    if (await holds()) return true;
    await page.waitForTimeout(100);
  }
  return false;
};
// Waits until the page was drawn so many times.
const frames = (number) =>
  page.evaluate(async (left) => {
    for (; left > 0; left -= 1) await new Promise((drawn) => requestAnimationFrame(drawn));
  }, number);
const changesFrom = (before) => until(async () => (await seen()) !== before);
// The middle of the scene, where neither notes nor panels lie over it.
const area = async () => {
  const all = await page.evaluate(() => {
    const boxes = [...document.querySelectorAll('canvas')].map((c) => c.getBoundingClientRect());
    const { x, y, width, height } = boxes.sort((a, b) => b.width - a.width)[0];
    return { x, y, width, height };
  });
  return {
    x: all.x + 0.1 * all.width, y: all.y + 0.3 * all.height,
    width: 0.8 * all.width, height: 0.6 * all.height,
  };
};
const whole = async () => {
  const part = await area();
  return {
    x: part.x - part.width / 8, y: part.y - part.height / 2,
    width: part.width / 0.8, height: part.height / 0.6,
  };
};
const faultsIn = async (name) => {
  // What fades in has less contrast until it is there.
  await until(async () => {
    const result = await page.evaluate(() => window.axe.run());
    found.faults[name] = result.violations
      .filter((fault) => ['serious', 'critical'].includes(fault.impact))
      .map((fault) => `${fault.id}: ${fault.nodes[0].html.slice(0, 200)}`);
    return !found.faults[name].length || performance.now() > deadline(name);
  });
};
const deadlines = {};
const deadline = (name) => (deadlines[name] ??= performance.now() + 5000);
const tab = (name) => page.getByRole('tab', { name }).click();
const valueOf = async (slider) => Number(await slider.getAttribute('aria-valuenow'));

await page.goto(task.url);
found.title = await page.title();
const slider = page.getByRole('slider', { name: task.joint });
await slider.waitFor();
const empty = await seen();
await changesFrom(empty);
// What viser says of the graphics card lies over the picture.
await page.evaluate(() => {
  const style = document.createElement('style');
  style.textContent = '[class*=Notification-root] { display: none !important }';
  document.head.append(style);
});
const before = await settled();

await slider.focus();
await page.keyboard.press('End');
found.moved = { changed: await changesFrom(before), to: await valueOf(slider) };
const moved = await settled();
await page.keyboard.press('Home');
found.returned = await changesFrom(moved);
found.lowest = await valueOf(slider);

await page.evaluate(await readFile(axe, 'utf8'));
await faultsIn('Joints');

await tab('Layers');
await faultsIn('Layers');
for (const name of task.layers) {
  const without = await settled();
  await page.getByRole('checkbox', { name }).click();
  found.layers[name] = await changesFrom(without);
}

await tab('Edit');
await page.getByRole('button', { name: 'Recolour' }).waitFor();
await faultsIn('Edit');
const plain = await settled();
await page.getByRole('button', { name: 'Recolour' }).click();
await page.getByText('recolor: target').waitFor();
found.recolored = await changesFrom(plain);
const recolored = await settled();
await page.getByRole('button', { name: 'Undo' }).click();
await page.getByText('Nothing was changed').waitFor();
found.undone = await changesFrom(recolored);

await tab('Physics');
await faultsIn('Physics');
await page.getByRole('checkbox', { name: 'Physics' }).click();
// Until the world is built there is nothing to take hold of: a drag would turn the camera.
await page.getByText('It runs').waitFor({ timeout: 120_000 });
await frames(5);
await tab('Joints');
const box = await whole();
const focal = box.height / 2 / Math.tan(task.grip.fov_y / 2);
const [x, y, z] = task.grip.in_camera;
const at = [box.x + box.width / 2 + (focal * x) / z, box.y + box.height / 2 + (focal * y) / z];
await page.mouse.move(...at);
await frames(2);
await page.mouse.down();
for (let n = 1; n <= 10; n += 1) {
  await page.mouse.move(at[0] + n * task.grip.by[0], at[1] + n * task.grip.by[1]);
  await frames(2);
}
await until(async () => (found.dragged = await valueOf(slider)) > 0.05);
await page.mouse.up();
await browser.close();
process.stdout.write(JSON.stringify(found));
