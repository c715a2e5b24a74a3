/** What the shop offers for a poster, as `GET /api/v1/posters/offer` answers it. */

export interface Named {
  id: string;
  name: string;
}

export interface TemplateOffer extends Named {
  description: string;
  sample: string | null;
  defaults: { shape: string; wave: string; accent: string; background: string; font: string };
  shapes: string[];
  waves: string[];
}

export interface Occasion extends Named {
  suggestions: { title: string; caption: string }[];
}

export interface Offer {
  templates: TemplateOffer[];
  pages: (Named & { size: string })[];
  orientations: Named[];
  shapes: Named[];
  waves: Named[];
  fonts: (Named & { title: string; body: string })[];
  papers: (Named & { colour: string })[];
  accents: (Named & { colour: string })[];
  occasions: Occasion[];
  files: Record<"photo" | "sound", { max_bytes: number; accept: string }>;
}
