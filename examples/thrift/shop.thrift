// The interface of the example in docs/protocols/thrift.md.
enum Size { SMALL = 1, LARGE = 2 }

struct Item {
  1: string name
  2: Size size
  3: optional double price
}

exception SoldOut {
  1: string name
}

service Shop {
  i64 order(1: list<Item> items, 2: i32 customer) throws (1: SoldOut soldOut)
  oneway void forget(1: i32 customer)
}
