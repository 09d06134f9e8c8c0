// Keys that escaping, sorting, file systems or shells get wrong, as far as the store takes them (it refuses `//`, `.` and `..` between slashes).

const part = 'x'.repeat(124);

export const AWKWARD: readonly string[] = [
  'a b.jpg',
  'a+b.jpg',
  'a%20b.jpg',
  '100%.jpg',
  'x%2Fy.jpg',
  '😀.jpg',
  '\uff5e.jpg',
  'é.jpg',
  'e\u0301.jpg',
  'dir/',
  'dir2/.jpg',
  'q?x=1&y=2#z;.jpg',
  'it\'s "quoted".jpg',
  'back\\slash.jpg',
  'tab\there.jpg',
  'new\nline.jpg',
  ' led by a space',
  'ends .',
  '-dash.jpg',
  'a.jpg',
  '~`!@$^&()[]{}=,<>.jpg',
  `${Array.from({ length: 7 }, () => part).join('/')}/${part}z`,
];
