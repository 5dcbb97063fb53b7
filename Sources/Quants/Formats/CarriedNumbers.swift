import Base

// Number types that quern carries from file to file without looking inside. GGUF has no number for the lower ones.

package enum I8: QuantFormat {
  package static let name = "I8"
  package static let ggufID: UInt32? = 24
  package static let elementType: ElementType? = .i8
  package static let blockElements = 1
  package static let blockBytes = 1
  package static let scalePlaces = ScalePlaces.none
}

package enum I16: QuantFormat {
  package static let name = "I16"
  package static let ggufID: UInt32? = 25
  package static let elementType: ElementType? = .i16
  package static let blockElements = 1
  package static let blockBytes = 2
  package static let scalePlaces = ScalePlaces.none
}

package enum I32: QuantFormat {
  package static let name = "I32"
  package static let ggufID: UInt32? = 26
  package static let elementType: ElementType? = .i32
  package static let blockElements = 1
  package static let blockBytes = 4
  package static let scalePlaces = ScalePlaces.none
}

package enum I64: QuantFormat {
  package static let name = "I64"
  package static let ggufID: UInt32? = 27
  package static let elementType: ElementType? = .i64
  package static let blockElements = 1
  package static let blockBytes = 8
  package static let scalePlaces = ScalePlaces.none
}

package enum BOOL: QuantFormat {
  package static let name = "BOOL"
  package static let ggufID: UInt32? = nil
  package static let elementType: ElementType? = .bool
  package static let blockElements = 1
  package static let blockBytes = 1
  package static let scalePlaces = ScalePlaces.none
}

package enum U8: QuantFormat {
  package static let name = "U8"
  package static let ggufID: UInt32? = nil
  package static let elementType: ElementType? = .u8
  package static let blockElements = 1
  package static let blockBytes = 1
  package static let scalePlaces = ScalePlaces.none
}

package enum U16: QuantFormat {
  package static let name = "U16"
  package static let ggufID: UInt32? = nil
  package static let elementType: ElementType? = .u16
  package static let blockElements = 1
  package static let blockBytes = 2
  package static let scalePlaces = ScalePlaces.none
}

package enum U32: QuantFormat {
  package static let name = "U32"
  package static let ggufID: UInt32? = nil
  package static let elementType: ElementType? = .u32
  package static let blockElements = 1
  package static let blockBytes = 4
  package static let scalePlaces = ScalePlaces.none
}

package enum U64: QuantFormat {
  package static let name = "U64"
  package static let ggufID: UInt32? = nil
  package static let elementType: ElementType? = .u64
  package static let blockElements = 1
  package static let blockBytes = 8
  package static let scalePlaces = ScalePlaces.none
}

package enum F8_E4M3: QuantFormat {
  package static let name = "F8_E4M3"
  package static let ggufID: UInt32? = nil
  package static let elementType: ElementType? = .f8_e4m3
  package static let blockElements = 1
  package static let blockBytes = 1
  package static let scalePlaces = ScalePlaces.none
}

package enum F8_E5M2: QuantFormat {
  package static let name = "F8_E5M2"
  package static let ggufID: UInt32? = nil
  package static let elementType: ElementType? = .f8_e5m2
  package static let blockElements = 1
  package static let blockBytes = 1
  package static let scalePlaces = ScalePlaces.none
}

package enum F8_E8M0: QuantFormat {
  package static let name = "F8_E8M0"
  package static let ggufID: UInt32? = nil
  package static let elementType: ElementType? = .f8_e8m0
  package static let blockElements = 1
  package static let blockBytes = 1
  package static let scalePlaces = ScalePlaces.none
}
