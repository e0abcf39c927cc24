// Opens a page in a headless Chromium, and prints what a person would stumble over:
// node page.mjs FILE [PICTURE.png]. CHROME_BIN names the browser.
//
// In each width and colour scheme: what the console said, what was requested beside the
// page itself, how much wider than the window the page is, what is cut off, and what axe-core finds.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const VIEWS = [1200, 375].flatMap((width) => ['light', 'dark'].map((colorScheme) => ({ width, colorScheme })));
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Run in the page by the debugger, which the page's own policy does not forbid. */
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8');
const [file, picture] = process.argv.slice(2);
const address = pathToFileURL(path.resolve(file)).href;
const profile = mkdtempSync(path.join(tmpdir(), 'loadgate-page-'));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROME_BIN || '/usr/bin/chromium',
  headless: true,
  args: ARGUMENTS,
  timeout: 60_000,
});
try {
  const views = [];
  for (const view of VIEWS) views.push(await look(view));
  if (picture) await draw();
  console.log(JSON.stringify({ views }));
} finally {
  await context.close();
  rmSync(profile, { recursive: true, force: true });
}

async function look(view) {
  const page = await context.newPage();
  const said = [];
  const requested = [];
  page.on('console', (message) => said.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => said.push(`error: ${error.message}`));
  page.on('request', (request) => {
    if (request.url() !== address) requested.push(request.url());
  });
  await page.setViewportSize({ width: view.width, height: 900 });
  await page.emulateMedia({ colorScheme: view.colorScheme });
  await page.goto(address, { waitUntil: 'load', timeout: 60_000 });
  const seen = await page.evaluate(examine);
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const barriers = violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`));
  await page.close();
  return { ...view, said, requested, ...seen, barriers };
}

/** Runs in the page. */
function examine() {
  const width = document.documentElement.clientWidth;
  const visible = (element) => element.checkVisibility() && element.getBoundingClientRect().width > 0;
  // What scrolls by itself may be as wide as it likes.
  const scrolls = (element) => {
    for (let at = element.parentElement; at !== null; at = at.parentElement) {
      if (['auto', 'scroll'].includes(getComputedStyle(at).overflowX)) return true;
    }
    return false;
  };
  const body = [...document.querySelectorAll('body *')].filter(visible);
  const tooWide = body.filter((element) => element.getBoundingClientRect().right > width + 1 && !scrolls(element));
  const charts = [...document.querySelectorAll('figure svg')].filter(visible);
  const alternative = (chart) => chart.querySelector('title')?.textContent ?? chart.getAttribute('aria-label') ?? '';
  return {
    title: document.title,
    overflow: document.documentElement.scrollWidth - width,
    tooWide: tooWide.map((element) => `${element.tagName} ${element.textContent.slice(0, 40)}`),
    background: getComputedStyle(document.body).backgroundColor,
    charts: charts.map((chart) => ({
      alternative: alternative(chart),
      caption: chart.closest('figure').querySelector('figcaption')?.textContent ?? '',
    })),
  };
}

/** The picture of the README: the top of the page in light colours. */
async function draw() {
  const page = await context.newPage();
  await page.setViewportSize({ width: 1100, height: 1330 });
  await page.emulateMedia({ colorScheme: 'light' });
  await page.goto(address, { waitUntil: 'load', timeout: 60_000 });
  await page.screenshot({ path: picture });
  await page.close();
}
