/** What the page knows; the server has the same in sketch.py. */
export interface Drawn { pixels: string | null; words: string; named?: string[] }
export interface Style { id: string; name: string; swatch: string | null; picture: string | null }
export type Manner = Record<string, string | number | boolean>;
export interface Painted { style: string | null; manner: Manner }
export interface Region extends Painted { id: string; name: string; color: string; map: Drawn; part: Drawn | null }
export interface Pasted {
  object: string; name: string; mask: string; at: [number, number]; scale: number; rotate: number;
  strength: number | null;
}
/** x and y of the photograph, x and y of the painting. */
export type Pair = [number, number, number, number];
export interface Deformed { style: string; pairs: Pair[]; warp: number; steps: number | null }
export type Room = "paint" | "doodle" | "paste" | "deform";
export interface Sketch {
  room: Room; content: string | null; name: string; styles: Style[]; regions: Region[]; rest: Painted;
  method: string; size: number | null; settings: Manner; paste: Pasted | null; onward: null; deform: Deformed | null;
}
export interface Picture {
  key: string; name: string; width: number; height: number; map: [number, number]; alpha: boolean; notices: string[];
  painted?: boolean; sketch?: Sketch | null;
}
export interface Job {
  id: string; made: number; state: "waiting" | "running" | "done" | "stopped" | "failed"; room: string;
  step?: number; steps?: number; part?: number; message?: string; notices?: string[]; shown?: number; losses?: number[];
  width?: number; height?: number; painted: boolean; method: string; resumable: boolean; place?: number;
}
export interface Setting {
  default?: any; minimum?: number; maximum?: number; ge?: number; le?: number; enum?: string[]; type?: string;
  about?: string; description?: string; title?: string;
}
export interface About {
  swatches: string[]; manner: Record<string, Setting>;
  methods: Record<string, { about: string; size: number | null; settings: Record<string, Setting> }>;
  deform: { size: number | null; settings: Record<string, Setting> };
  examples: string[]; limits: { bytes: number; side: number; steps: number };
}
export interface SessionRow { id: string; name: string; touched: number; content: string | null }
/** A map as it is worked on: a byte per pixel. */
export interface Levels { w: number; h: number; data: Uint8Array }
export interface Rect { x: number; y: number; w: number; h: number }
export type Point = { x: number; y: number };
