// Converts a color from any CSS notation to the others.

// Culori knows the color spaces of CSS Color 4 and how to get from one to another.
import { colorsNamed, converter, differenceCiede2000, formatHex, formatHex8, inGamut, parse, toGamut } from "culori";
import { z } from "zod";

export const Input = z.strictObject({
  color: z.string().min(1).max(100).meta({
    description: "The color as CSS writes it: a name, hex, rgb(), hsl(), hwb(), lab(), lch(), oklab(), oklch(), color().",
    examples: ["#ff6347", "rebeccapurple", "oklch(0.7 0.15 30)"],
  }),
});

export const Output = z.strictObject({
  hex: z.string().describe("#rrggbb, or #rrggbbaa when it is not opaque."),
  rgb: z.string().describe("rgb() with whole numbers."),
  hsl: z.string().describe("hsl() with degrees and percent."),
  hwb: z.string().describe("hwb() with degrees and percent."),
  lab: z.string().describe("lab(), CIE Lab with D50 as in CSS."),
  oklch: z.string().describe("oklch(): lightness 0 to 1, chroma, hue in degrees; of the color itself, not of its hex."),
  alpha: z.number().describe("Opacity from 0 to 1."),
  luminance: z.number().describe("Relative luminance by WCAG, 0 for black to 1 for white."),
  in_srgb: z.boolean().describe("False when no sRGB screen can show it; then hex, rgb, hsl and hwb are the nearest."),
  name: z.string().describe("The nearest color name of CSS."),
  name_difference: z.number().describe("How far the name is off (CIEDE2000): 0 the same, below 2 hardly to be seen."),
});

const toRgb = converter("rgb");
const toHsl = converter("hsl");
const toHwb = converter("hwb");
const toLab = converter("lab");
const toOklch = converter("oklch");
const fitted = toGamut("rgb", "oklch");
const difference = differenceCiede2000();
const names = Object.keys(colorsNamed).filter((name) => !name.includes("grey"));

export function run(input: z.infer<typeof Input>): z.infer<typeof Output> {
  const color = parse(input.color.trim());
  if (color === undefined) {
    throw new Error(`'${input.color}' is no color of CSS. Write for example #ff6347, tomato or hsl(9 100% 64%).`);
  }
  const alpha = rounded(Math.min(1, Math.max(0, color.alpha ?? 1)), 4);
  const shown = fitted(color);
  const { name, distance } = nearestName(shown);
  const { r, g, b } = toRgb(shown);
  const hsl = toHsl(shown);
  const hwb = toHwb(shown);
  const lab = toLab(color);
  const oklch = toOklch(color);
  const end = alpha < 1 ? ` / ${alpha})` : ")";
  return {
    hex: alpha < 1 ? formatHex8(shown) : formatHex(shown),
    rgb: `rgb(${byte(r)} ${byte(g)} ${byte(b)}${end}`,
    hsl: `hsl(${angle(hsl.h)} ${percent(hsl.s)} ${percent(hsl.l)}${end}`,
    hwb: `hwb(${angle(hwb.h)} ${percent(hwb.w)} ${percent(hwb.b)}${end}`,
    lab: `lab(${rounded(lab.l, 3)} ${rounded(lab.a, 3)} ${rounded(lab.b, 3)}${end}`,
    oklch: `oklch(${rounded(oklch.l, 4)} ${rounded(oklch.c, 4)} ${angle(oklch.h)}${end}`,
    alpha,
    luminance: rounded(luminance(r, g, b), 4),
    in_srgb: inGamut("rgb")(color),
    name,
    name_difference: rounded(distance, 2),
  };
}

function nearestName(color: object): { name: string; distance: number } {
  let found = { name: "black", distance: Infinity };
  for (const name of names) {
    const distance = difference(color, name);
    if (distance < found.distance) found = { name, distance };
  }
  return found;
}

/** By WCAG 2.2, relative luminance, with the corrected threshold of IEC 61966-2-1. */
function luminance(r: number, g: number, b: number): number {
  const [red, green, blue] = [r, g, b].map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function byte(part: number): number {
  return Math.round(Math.min(1, Math.max(0, part)) * 255);
}

function angle(hue: number | undefined): number {
  return rounded(hue ?? 0, 2);
}

function percent(part: number): string {
  return `${rounded(part * 100, 2)}%`;
}

/** Without the -0 that JSON would keep. */
function rounded(value: number, digits: number): number {
  return Number((value ?? 0).toFixed(digits)) + 0;
}
