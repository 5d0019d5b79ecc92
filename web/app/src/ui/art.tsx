/** A picture of a product, drawn from its id: a sea, a sky and something on the horizon. The same id has the same one. */

import type { JSX } from "preact";
import { useId } from "preact/hooks";

interface Palette {
  sky: [string, string];
  sun: string;
  sea: [string, string, string];
  thing: string;
}

const PALETTES: readonly Palette[] = [
  { sky: ["#f6d9b8", "#f9efe0"], sun: "#e07a4b", sea: ["#2f6f88", "#245a73", "#19435a"], thing: "#173243" },
  { sky: ["#bfdbe6", "#eef6f6"], sun: "#f2c14e", sea: ["#3f8a94", "#2f717d", "#205763"], thing: "#1b3a45" },
  { sky: ["#24344d", "#5a6f8f"], sun: "#f4ead0", sea: ["#1f3550", "#182a42", "#101e31"], thing: "#0c1623" },
  { sky: ["#e9c6c0", "#f8e9df"], sun: "#c8553d", sea: ["#588b8b", "#437373", "#2e5858"], thing: "#213f3f" },
  { sky: ["#d6dfc4", "#f5f3e3"], sun: "#e3a54a", sea: ["#6b8f71", "#53775b", "#3b5c44"], thing: "#28422f" },
  { sky: ["#cfc6e3", "#f1ecf6"], sun: "#e59b78", sea: ["#5b6c9e", "#485787", "#35416b"], thing: "#262f52" },
];

const THINGS: readonly ((fill: string, light: string) => JSX.Element)[] = [
  // A boat under sail.
  (fill, light) => (
    <g transform="translate(118 96)">
      <path d="M32 0v58H2z" fill={light} />
      <path d="M37 12v46h28z" fill={light} opacity=".75" />
      <path d="M-8 64h82l-12 18H6z" fill={fill} />
      <path d="M33 -4h3v70h-3z" fill={fill} />
    </g>
  ),
  // A lighthouse.
  (fill, light) => (
    <g transform="translate(206 66)">
      <path d="M8 22h24l6 96H2z" fill={light} />
      <path d="M5.5 60h29l1.5 22H4z" fill={fill} opacity=".8" />
      <path d="M6 6h28v16H6z" fill={fill} />
      <path d="M20 -8l16 14H4z" fill={fill} />
      <path d="M34 10l70-16v26z" fill={light} opacity=".35" />
      <path d="M-34 118c18-16 90-16 108 0z" fill={fill} />
    </g>
  ),
  // Islands.
  (fill, light) => (
    <g>
      <path d="M30 178c26-62 48-88 66-60s30 26 50 60z" fill={fill} />
      <path d="M96 118c8-10 16 4 22 14l-14-6-8 8-8-4z" fill={light} opacity=".7" />
      <path d="M196 178c16-34 34-42 52-18 10 12 22 10 34 18z" fill={fill} opacity=".75" />
    </g>
  ),
  // Gulls and a buoy.
  (fill, light) => (
    <g>
      <path d="M60 70q14-16 26 0q12-16 26 0q-14-7-26 6q-12-13-26-6zM126 46q10-11 18 0q8-11 18 0q-10-5-18 4q-8-9-18-4z" fill={fill} />
      <path d="M206 120h28l8 58h-44z" fill={light} />
      <path d="M203 142h34l3 18h-40z" fill={fill} opacity=".8" />
      <path d="M214 96h12v24h-12z" fill={fill} />
      <circle cx="220" cy="92" r="7" fill={light} />
    </g>
  ),
  // A compass rose.
  (fill, light) => (
    <g transform="translate(160 98)">
      <circle r="52" fill={light} opacity=".55" />
      <circle r="44" fill="none" stroke={fill} stroke-width="2.5" />
      <path d="M0 -62L9 -9 0 0-9 -9zM0 62L9 9 0 0-9 9z" fill={fill} />
      <path d="M-62 0L-9 -9 0 0-9 9zM62 0L9 -9 0 0 9 9z" fill={fill} opacity=".65" />
      <path d="M-30 -30L-4 -10 -10 -4zM30 -30L10 -4 4 -10zM30 30L4 10 10 4zM-30 30L-10 4 -4 10z" fill={fill} opacity=".45" />
    </g>
  ),
];

export function Art({ id }: { id: string }) {
  const sky = useId();
  const seed = hash(id);
  const palette = pick(PALETTES, seed);
  const thing = pick(THINGS, seed >>> 7);
  const sunX = 50 + ((seed >>> 12) % 220);
  const sunY = 52 + ((seed >>> 20) % 48);
  const shift = (seed >>> 16) % 60;
  return (
    <svg class="art" viewBox="0 0 320 240" preserveAspectRatio="xMidYMid slice" aria-hidden="true" focusable="false">
      <defs>
        <linearGradient id={sky} x1="0" y1="0" x2="0" y2="1">
          <stop offset="0" stop-color={palette.sky[0]} />
          <stop offset="1" stop-color={palette.sky[1]} />
        </linearGradient>
      </defs>
      <rect width="320" height="240" fill={`url(#${sky})`} />
      <circle cx={sunX} cy={sunY} r="25" fill={palette.sun} />
      <path d={wave(166, 5, shift)} fill={palette.sea[0]} />
      {thing(palette.thing, "#fdf8ec")}
      <path d={wave(182, 7, shift + 40)} fill={palette.sea[1]} />
      <path d={wave(206, 8, shift + 85)} fill={palette.sea[2]} />
    </svg>
  );
}

function wave(top: number, height: number, shift: number): string {
  const start = -shift;
  return `M${start} ${top}q20 ${-height} 40 0${"t40 0".repeat(11)}V240H${start}z`;
}

function pick<T>(from: readonly T[], number: number): T {
  return from[number % from.length] as T;
}

/** FNV-1a, then mixed: similar ids get different pictures. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  value ^= value >>> 15;
  value = Math.imul(value, 0x2c1b3c6d);
  return (value ^ (value >>> 12)) >>> 0;
}
