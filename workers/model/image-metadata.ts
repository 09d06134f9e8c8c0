// What one decode tells of a picture besides its renditions.

export interface ExifFacts {
  readonly cameraMake?: string;
  readonly cameraModel?: string;
  readonly lens?: string;
  readonly exposureS?: number;
  readonly aperture?: number;
  readonly iso?: number;
  readonly focalLengthMm?: number;
  /** ISO 8601 as the camera wrote it; with an offset only where EXIF has one. */
  readonly takenAt?: string;
  /** Only where the configuration asks for it. Degrees, north and east positive. */
  readonly gps?: { readonly latitude: number; readonly longitude: number };
}

export interface ImageMetadata {
  /** As it is seen: after EXIF orientation. */
  readonly width: number;
  readonly height: number;
  /** jpeg, png, webp, gif, avif, tiff, svg, heic. */
  readonly format: string;
  /** EXIF orientation 1–8 as found. */
  readonly orientation: number;
  /** As found: srgb, display-p3 (from the profile's name), cmyk, b-w… */
  readonly colourSpace: string;
  readonly hasAlpha: boolean;
  readonly frames: number;
  /** `#rrggbb`. */
  readonly dominantColour: string;
  /** Base64. */
  readonly thumbhash: string;
  readonly exif: ExifFacts;
}
