// What the programs of the interop tests say to each other. Every program makes its code from this file; the two
// constants are the values they all send, so that no program has to spell them again.

namespace cpp peers
namespace go peers
namespace java peers
namespace js peers
namespace py peers

typedef i64 Identifier

enum Colour {
  NEGATIVE = -7
  RED = 1
  GREEN = 2
  INFRARED = 70000
}

struct Point {
  1: required i32 x
  2: required i32 y
  3: optional string label
  16: optional double far
}

union Shape {
  1: Point dot
  2: list<Point> line
  3: string name
}

struct Everything {
  1: bool yes
  2: bool no
  3: i8 tiny
  4: i16 small
  5: i32 medium
  6: i64 large
  7: double real
  8: string text
  9: binary raw
  10: Colour colour
  11: Identifier identifier
  12: list<bool> flags
  13: list<i8> tinies
  14: list<i16> smalls
  15: list<i32> mediums
  16: list<i64> larges
  17: list<double> reals
  18: list<string> texts
  19: list<Point> points
  20: list<list<map<string, set<i32>>>> deep
  21: set<string> words
  22: set<i64> none
  23: map<string, string> names
  24: map<i32, Point> places
  25: map<bool, i8> votes
  26: map<string, list<Colour>> palettes
  27: Point point
  28: Shape shape
  200: optional string gap
  32000: optional i32 distant
}

exception Refused {
  1: i32 code
  2: string reason
  3: optional list<string> trace
}

const string TEXT = "Grüße, 世界 😀𝄞"

const Everything EVERYTHING = {
  "yes": true,
  "no": false,
  "tiny": -128,
  "small": -32768,
  "medium": -2147483648,
  "large": -9007199254740991,
  "real": 1.5,
  "text": "Grüße, 世界 😀𝄞",
  "colour": Colour.INFRARED,
  "identifier": 4398046511104,
  "flags": [true, false, true, true, false, false, false, true, true, false, true, false, true, true, true, false],
  "tinies": [-1, 0, 1, 127],
  "smalls": [-300, 0, 300],
  "mediums": [-70000, -1, 0, 1, 63, 64, 70000, 2147483647],
  "larges": [-4398046511104, 0, 4398046511104],
  "reals": [-0.5, 0.25, 1e300],
  "texts": ["", "a", "ä", "世", "😀"],
  "points": [{"x": 1, "y": -1}, {"x": 2, "y": -2, "label": "second", "far": 2.5}],
  "deep": [[], [{}, {"empty": [], "three": [1, 2, 3]}], [{"one": [1]}]],
  "words": ["alone"],
  "none": [],
  "names": {"key": "value", "schlüssel": "😀", "": "empty"},
  "places": {1: {"x": 3, "y": 4}, 1000: {"x": 5, "y": 6}},
  "votes": {true: 1},
  "palettes": {"warm": [Colour.RED, Colour.INFRARED], "cold": []},
  "point": {"x": 7, "y": 8, "far": -2.25},
  "shape": {"line": [{"x": 9, "y": 10}, {"x": 11, "y": 12}]},
  "gap": "after a gap",
  "distant": 32000
}

service Base {
  void ping()
}

service Library extends Base {
  // These two have one signature, so that a call of the one may be renamed to the other. They answer with their own
  // name, a colon, and what they were given.
  string greet(1: string name)
  string salute(1: string name)

  Everything mirror(1: Everything value)
  // Answers with the bytes in reverse order.
  binary reverse(1: binary data)
  map<string, map<string, list<i64>>> nested(1: map<string, map<string, list<i64>>> value, 2: optional string tag)

  // Throws what it declares.
  void refuse(1: i32 code) throws (1: Refused refused)
  // Throws what it does not declare.
  string fail(1: string reason)

  oneway void notify(1: string text)
  // What `notify` was told, oldest first; forgets it.
  list<string> notifications()

  // The headers that came with this call; only THeader has any.
  map<string, string> headers()
}

service Museum extends Base {
  string greet(1: string name)
}
