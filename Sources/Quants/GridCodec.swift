import Base

/// A format whose weights are levels of a grid: `step * level - offset`, where groups of weights share a step and an offset.
///
/// A step is the block's factor times the group's scale, an offset the block's second factor times the group's minimum. Whoever chooses
/// levels and scales himself reads the grid that an encoder found, changes it and writes it back.
package protocol GridCodec: QuantCodec {
  /// What may be chosen.
  static var rules: GridRules { get }

  /// Reads everything a block holds.
  static func read(_ block: UnsafeRawBufferPointer, into grid: inout BlockGrid)

  /// Writes a whole block.
  static func write(_ grid: borrowing BlockGrid, into block: UnsafeMutableRawBufferPointer)
}

/// What the blocks of a format leave to choose.
package struct GridRules: Sendable {
  /// What the numbers of weights stand for.
  package enum Levels: Sendable, Equatable {
    /// Integers: number 0 is the lowest. Not all that can be stored need be legal.
    case even(lowest: Int, legal: ClosedRange<Int>)
    /// Sixteen integers at uneven distances, in rising order.
    case uneven([Float])
  }

  /// Weights that share a step and an offset.
  package let group: Int
  /// See ``Levels``.
  package let levels: Levels
  /// The scales a group may have; nil when each group is a block whose factor is the step.
  package let scales: ClosedRange<Int>?
  /// The minimums a group may have; nil without, or when each group is a block.
  package let minimums: ClosedRange<Int>?
  /// Whether weights have offsets.
  package let hasOffsets: Bool

  /// Groups that are whole blocks.
  init(block group: Int, _ levels: Levels, hasOffsets: Bool = false) {
    (self.group, self.levels, self.hasOffsets) = (group, levels, hasOffsets)
    (scales, minimums) = (nil, nil)
  }

  /// Groups of a larger block.
  init(groupsOf group: Int, _ levels: Levels, scales: ClosedRange<Int>, minimums: ClosedRange<Int>? = nil) {
    (self.group, self.levels, self.scales, self.minimums) = (group, levels, scales, minimums)
    hasOffsets = minimums != nil
  }

  /// The level of a number.
  package func level(_ number: UInt8) -> Float {
    switch levels {
    case .even(let lowest, _): Float(Int(number) + lowest)
    case .uneven(let values): values[Int(number)]
    }
  }

  /// The number of every level, from -128 on; places that are not levels hold 0.
  package var numbers: [UInt8] {
    var numbers = [UInt8](repeating: 0, count: 256)
    switch levels {
    case .even(let lowest, _):
      for number in 0..<256 where number + lowest < 128 {
        numbers[number + lowest + 128] = UInt8(truncatingIfNeeded: number)
      }
    case .uneven(let values):
      for (number, value) in values.enumerated() { numbers[Int(value) + 128] = UInt8(truncatingIfNeeded: number) }
    }
    return numbers
  }
}

extension GridRules.Levels {
  /// All integers of a range.
  static func even(_ range: ClosedRange<Int>) -> Self { .even(lowest: range.lowerBound, legal: range) }
}

/// One block taken apart.
package struct BlockGrid: ~Copyable {
  /// What one unit of a scale is worth, F16 bits.
  package var factor: UInt16 = 0
  /// What one unit of a minimum is worth, F16 bits.
  package var minimumFactor: UInt16 = 0
  /// One a group; 1 where the factor is the step.
  package let scales: UnsafeMutableBufferPointer<Int16>
  /// One a group; what is subtracted, in units of the second factor.
  package let minimums: UnsafeMutableBufferPointer<Int16>
  /// One a weight, counted from the lowest level.
  package let numbers: UnsafeMutableBufferPointer<UInt8>

  /// Memory for a block of a format.
  package init(_ codec: any GridCodec.Type) {
    let groups = codec.blockElements / codec.rules.group
    scales = .allocate(capacity: groups)
    scales.initialize(repeating: 1)
    minimums = .allocate(capacity: groups)
    minimums.initialize(repeating: codec.rules.hasOffsets ? 1 : 0)
    numbers = .allocate(capacity: codec.blockElements)
    numbers.initialize(repeating: 0)
  }

  deinit {
    scales.deallocate()
    minimums.deallocate()
    numbers.deallocate()
  }

  /// The step of a group.
  package func step(_ group: Int) -> Float { HalfPrecision.float(f16: factor) * Float(scales[group]) }

  /// The offset of a group.
  package func offset(_ group: Int) -> Float { HalfPrecision.float(f16: minimumFactor) * Float(minimums[group]) }
}

extension UnsafeRawBufferPointer {
  /// The bits of the F16 at a byte offset.
  func halfBits(at offset: Int) -> UInt16 {
    UInt16(littleEndian: loadUnaligned(fromByteOffset: offset, as: UInt16.self))
  }
}

extension UnsafeMutableRawBufferPointer {
  /// Stores the bits of an F16.
  func storeHalfBits(_ bits: UInt16, at offset: Int) {
    storeBytes(of: bits.littleEndian, toByteOffset: offset, as: UInt16.self)
  }
}
