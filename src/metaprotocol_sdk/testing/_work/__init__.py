"""How much work something is: counted in opcodes and bytes where that can be, else in processor time."""
