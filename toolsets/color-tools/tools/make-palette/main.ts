// Makes a palette from one color.

// Culori reads colors, turns them in OKLCH, where steps look even, and fits them into sRGB.
import { clampChroma, converter, formatHex, interpolate, parse, samples, wcagContrast } from "culori";
import { z } from "zod";

export const Input = z.strictObject({
  color: z.string().min(1).max(100).meta({
    description: "The color to start from, in any notation of CSS.",
    examples: ["#3366cc"],
  }),
  kind: z.enum(["shades", "complementary", "analogous", "triadic", "tetradic", "gradient"]).default("shades").describe(
    "shades: eleven from light to dark, named 50 to 950; gradient: even steps to `to`; the others: hues that go with it.",
  ),
  to: z.string().min(1).max(100).optional().describe("Where a gradient ends; only for gradient."),
  steps: z.number().int().min(2).max(50).default(5).describe("How many colors a gradient has, both ends among them."),
});

export const Output = z.strictObject({
  colors: z.array(z.strictObject({
    name: z.string().describe("What it is in the palette, such as 500, base or +120°."),
    hex: z.string().describe("The color as #rrggbb."),
    oklch: z.string().describe("The same as oklch()."),
    text: z.enum(["black", "white"]).describe("Which of both is easier to read on it."),
    text_contrast: z.number().describe("The contrast of that text by WCAG, 1 to 21."),
  })).describe("The colors in order."),
});

const toOklch = converter("oklch");
const SHADES: Record<string, number> = {
  50: 0.975, 100: 0.945, 200: 0.89, 300: 0.82, 400: 0.73, 500: 0.64, 600: 0.56, 700: 0.48, 800: 0.4, 900: 0.33, 950: 0.24,
};
const TURNS: Record<string, number[]> = {
  complementary: [180],
  analogous: [-30, 30],
  triadic: [120, 240],
  tetradic: [90, 180, 270],
};

export function run(input: z.infer<typeof Input>): z.infer<typeof Output> {
  const base = read(input.color, "color");
  if (input.kind === "gradient") {
    if (input.to === undefined) throw new Error("A gradient needs 'to', the color that it ends with.");
    const between = interpolate([base, read(input.to, "to")], "oklch");
    return { colors: samples(input.steps).map((part: number, index: number) => entry(`${index + 1}`, between(part))) };
  }
  if (input.to !== undefined) throw new Error("'to' is for gradients only. Leave it out, or choose kind: gradient.");
  if (input.kind === "shades") {
    // Very light and very dark shades hold less color: sRGB has no room for it there.
    return { colors: Object.entries(SHADES).map(([name, l]) => entry(name, { ...base, l })) };
  }
  const turned = TURNS[input.kind].map((turn) => entry(`${turn > 0 ? "+" : ""}${turn}°`, { ...base, h: base.h + turn }));
  return { colors: [entry("base", base), ...turned] };
}

function read(text: string, field: string) {
  const found = toOklch(parse(text.trim()));
  if (found === undefined) {
    throw new Error(`'${text}' (${field}) is no color of CSS. Write for example #3366cc, tomato or hsl(220 60% 50%).`);
  }
  // Grays have no hue; any does.
  return { mode: "oklch", l: found.l, c: found.c, h: found.h ?? 0 };
}

function entry(name: string, color: object): z.infer<typeof Output>["colors"][number] {
  const hex = formatHex(clampChroma(color, "oklch"));
  const { l, c, h } = toOklch(hex);
  const [black, white] = [wcagContrast(hex, "black"), wcagContrast(hex, "white")];
  return {
    name,
    hex,
    oklch: `oklch(${Number(l.toFixed(4))} ${Number(c.toFixed(4))} ${Number((h ?? 0).toFixed(2))})`,
    text: black >= white ? "black" : "white",
    text_contrast: Math.floor(Math.max(black, white) * 100) / 100,
  };
}
