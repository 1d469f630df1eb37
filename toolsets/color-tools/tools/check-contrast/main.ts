// Checks the contrast of text on a background by WCAG 2.2, and finds the nearest color that passes.

// Culori reads colors, blends them and measures their contrast.
import { blend, clampChroma, converter, formatHex, parse, wcagContrast } from "culori";
import { z } from "zod";

const color = z.string().min(1).max(100);

export const Input = z.strictObject({
  foreground: color.meta({ description: "The color of the text, in any notation of CSS.", examples: ["#777"] }),
  background: color.meta({ description: "The color behind it; it must be opaque.", examples: ["white"] }),
  target: z.number().min(1).max(21).default(4.5).describe(
    "The contrast that is wanted: 4.5 for text (AA), 3 for large text and icons, 7 for text (AAA).",
  ),
});

export const Output = z.strictObject({
  ratio: z.number().describe("The contrast ratio, 1 to 21, cut to two decimals, so that it never passes by rounding."),
  passes_target: z.boolean().describe("Whether the ratio reaches the target."),
  aa_text: z.boolean().describe("At least 4.5: text, by WCAG 1.4.3."),
  aa_large_text: z.boolean().describe("At least 3: text from 24 px, or bold from 18.66 px."),
  aaa_text: z.boolean().describe("At least 7: text, by WCAG 1.4.6."),
  aaa_large_text: z.boolean().describe("At least 4.5: large text, by WCAG 1.4.6."),
  graphics: z.boolean().describe("At least 3: icons and borders of controls, by WCAG 1.4.11."),
  foreground: z.string().describe("The text's color as hex, laid over the background if it was not opaque."),
  background: z.string().describe("The background as hex."),
  suggestion: z.string().nullable().describe(
    "The nearest text color of the same hue that reaches the target; null when none is needed or none exists.",
  ),
});

const toOklch = converter("oklch");
const STEPS = 200;

export function run(input: z.infer<typeof Input>): z.infer<typeof Output> {
  const background = read(input.background, "background");
  if ((background.alpha ?? 1) < 1) {
    throw new Error("The background must be opaque. Lay it over what is behind it first.");
  }
  const behind = formatHex(background);
  const front = formatHex(blend([behind, read(input.foreground, "foreground")]));
  // On the hex values, because these are what a screen shows.
  const contrast = wcagContrast(front, behind);
  return {
    ratio: Math.floor(contrast * 100) / 100,
    passes_target: contrast >= input.target,
    aa_text: contrast >= 4.5,
    aa_large_text: contrast >= 3,
    aaa_text: contrast >= 7,
    aaa_large_text: contrast >= 4.5,
    graphics: contrast >= 3,
    foreground: front,
    background: behind,
    suggestion: contrast >= input.target ? null : suggestion(front, behind, input.target),
  };
}

function read(text: string, field: string) {
  const found = parse(text.trim());
  if (found === undefined) {
    throw new Error(`'${text}' (${field}) is no color of CSS. Write for example #777, gray or hsl(0 0% 47%).`);
  }
  return found;
}

/** The text's color made lighter or darker by the smallest step that is enough. */
function suggestion(front: string, behind: string, target: number): string | null {
  const start = toOklch(front);
  for (let step = 1; step <= STEPS; step++) {
    for (const lightness of [start.l - step / STEPS, start.l + step / STEPS]) {
      if (lightness < -1 / STEPS || lightness > 1 + 1 / STEPS) continue;
      const tried = formatHex(clampChroma({ ...start, l: Math.min(1, Math.max(0, lightness)) }, "oklch"));
      if (wcagContrast(tried, behind) >= target) return tried;
    }
  }
  return null;
}
