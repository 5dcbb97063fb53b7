import Base

/// IEEE binary32, one number a weight.
package enum F32: QuantCodec {
  package static let name = "F32"
  package static let ggufID: UInt32? = 0
  package static let elementType: ElementType? = .f32
  package static let blockElements = 1
  package static let blockBytes = 4
  package static let scalePlaces = ScalePlaces.none

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    UnsafeMutableRawBufferPointer(row).copyMemory(from: source)
  }

  package static func encode(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?,
    into blocks: UnsafeMutableRawBufferPointer
  ) {
    blocks.copyMemory(from: UnsafeRawBufferPointer(row))
  }
}

/// IEEE binary16, one number a weight.
package enum F16: QuantCodec {
  package static let name = "F16"
  package static let ggufID: UInt32? = 1
  package static let elementType: ElementType? = .f16
  package static let blockElements = 1
  package static let blockBytes = 2
  package static let scalePlaces = ScalePlaces.none

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    for i in 0..<source.count / 2 {
      row[i] = HalfPrecision.float(
        f16: UInt16(littleEndian: source.loadUnaligned(fromByteOffset: i * 2, as: UInt16.self)))
    }
  }

  package static func encode(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?,
    into blocks: UnsafeMutableRawBufferPointer
  ) {
    for i in 0..<row.count {
      blocks.storeBytes(of: HalfPrecision.f16(row[i]).littleEndian, toByteOffset: i * 2, as: UInt16.self)
    }
  }
}

/// bfloat16: the upper half of a binary32, one number a weight.
package enum BF16: QuantCodec {
  package static let name = "BF16"
  package static let ggufID: UInt32? = 30
  package static let elementType: ElementType? = .bf16
  package static let blockElements = 1
  package static let blockBytes = 2
  package static let scalePlaces = ScalePlaces.none

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    for i in 0..<source.count / 2 {
      row[i] = HalfPrecision.float(
        bf16: UInt16(littleEndian: source.loadUnaligned(fromByteOffset: i * 2, as: UInt16.self)))
    }
  }

  package static func encode(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?,
    into blocks: UnsafeMutableRawBufferPointer
  ) {
    for i in 0..<row.count {
      blocks.storeBytes(of: HalfPrecision.bf16(row[i]).littleEndian, toByteOffset: i * 2, as: UInt16.self)
    }
  }
}

/// IEEE binary64; decoding rounds to binary32.
package enum F64: QuantCodec {
  package static let name = "F64"
  package static let ggufID: UInt32? = 28
  package static let elementType: ElementType? = .f64
  package static let blockElements = 1
  package static let blockBytes = 8
  package static let scalePlaces = ScalePlaces.none

  package static func decode(_ source: UnsafeRawBufferPointer, into row: UnsafeMutableBufferPointer<Float>) {
    for i in 0..<source.count / 8 {
      let bits = UInt64(littleEndian: source.loadUnaligned(fromByteOffset: i * 8, as: UInt64.self))
      row[i] = Float(Double(bitPattern: bits))
    }
  }

  package static func encode(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?,
    into blocks: UnsafeMutableRawBufferPointer
  ) {
    for i in 0..<row.count {
      blocks.storeBytes(of: Double(row[i]).bitPattern.littleEndian, toByteOffset: i * 8, as: UInt64.self)
    }
  }
}
