/// A format whose encoder comes apart: the scales of a block first, then each weight by itself, then the bytes.
///
/// Whoever spreads the error of a weight over those that come after it does so in between.
package protocol FittedCodec: QuantCodec {
  /// Chooses the scales of a block and writes them; says how the weights of each group become numbers.
  ///
  /// - Parameters:
  ///   - x: the weights of the block.
  ///   - importance: one non-negative factor a weight, or nil for the plain rule.
  ///   - meanSquare: the mean square of the whole row, which the weighted rules of some formats look at.
  ///   - fit: receives the roundings.
  ///   - block: receives the scales.
  static func fit(
    _ x: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?, meanSquare: Float,
    _ fit: borrowing BlockFit, into block: UnsafeMutableRawBufferPointer)

  /// Writes the numbers of a block beside its scales.
  static func pack(_ numbers: UnsafeMutableBufferPointer<UInt8>, into block: UnsafeMutableRawBufferPointer)
}

extension FittedCodec {
  /// Weights that are rounded alike.
  package static var fittedGroup: Int { importanceGroup ?? blockElements }

  package static func encode(
    _ row: UnsafeBufferPointer<Float>, importance: UnsafeBufferPointer<Float>?,
    into blocks: UnsafeMutableRawBufferPointer
  ) {
    let fit = BlockFit(self)
    let meanSquare = importance == nil ? 0 : ErrorFactors.sumOfSquares(row) / Float(row.count)
    for block in 0..<row.count / blockElements {
      let x = row.slice(block * blockElements, blockElements)
      let bytes = UnsafeMutableRawBufferPointer(rebasing: blocks[block * blockBytes..<(block + 1) * blockBytes])
      self.fit(
        x, importance: importance?.slice(block * blockElements, blockElements), meanSquare: meanSquare, fit, into: bytes
      )
      for i in x.indices { fit.numbers[i] = fit.round(x[i], at: i) }
      pack(fit.numbers.buffer, into: bytes)
    }
  }
}

/// What is found out about one block while it is encoded, and the memory for that; used again for the next block.
package struct BlockFit: ~Copyable {
  /// Weights that are rounded alike.
  let group: Int
  /// One number a weight.
  let numbers: Scratch<UInt8>
  /// One rounding a group.
  let roundings: Scratch<Rounding>
  /// How much the error of each weight of a group counts.
  let factors: Scratch<Float>
  /// The sums of the factors, the scales and the offsets of groups, and the numbers that these are stored as.
  let sums, scales, offsets: Scratch<Float>
  let scaleNumbers, offsetNumbers: Scratch<UInt8>

  package init(_ codec: any FittedCodec.Type) {
    group = codec.fittedGroup
    let groups = codec.blockElements / group
    numbers = Scratch(codec.blockElements, 0)
    roundings = Scratch(groups, .zero)
    factors = Scratch(group, 0)
    sums = Scratch(groups, 0)
    scales = Scratch(groups, 0)
    offsets = Scratch(groups, 0)
    scaleNumbers = Scratch(groups, 0)
    offsetNumbers = Scratch(groups, 0)
  }

  /// The number that weight `i` of the block becomes.
  package func round(_ weight: Float, at i: Int) -> UInt8 { roundings[i / group].number(weight) ?? numbers[i] }

  /// The factors of a group by the rule most weighted encoders share, and their sum; see ``ErrorFactors``.
  func weigh(
    _ j: Int, _ x: UnsafeBufferPointer<Float>, _ importance: UnsafeBufferPointer<Float>, spread: Float
  ) {
    ErrorFactors.weighted(
      x.slice(j * group, group), importance: importance.slice(j * group, group), spread: spread, into: factors.buffer)
    sums[j] = 0
    for factor in factors.buffer { sums[j] += factor }
  }

  /// Rounds each group by the step and the offset that its stored scales decode to.
  ///
  /// A group without a step keeps the numbers of its own search, which decode to the offset.
  func settle(lowest: Int32 = 0, highest: Int32, _ decoded: (_ group: Int) -> (step: Float, offset: Float)) {
    for j in roundings.buffer.indices {
      let (step, offset) = decoded(j)
      guard step != 0 else { continue }
      roundings[j] = .divided(step: step, offset: offset, lowest: lowest, highest: highest)
    }
  }

  /// Fits a block that is one group without an offset: Q4_0 and Q5_0.
  ///
  /// The weight of largest magnitude (the first of equals) lands on `-limit`; with importance the scale is searched for.
  ///
  /// - Returns: the scale.
  func symmetric(
    _ x: UnsafeBufferPointer<Float>, _ importance: UnsafeBufferPointer<Float>?, meanSquare: Float, limit: Int32
  ) -> Float {
    if let importance {
      weigh(0, x, importance, spread: meanSquare)
      let found = SymmetricScale.search(x, factors: factors.slice(0, group), limit: limit)
      roundings[0] = found.rounding
      return found.scale
    }
    let d = SymmetricScale.extremeWeight(x) / -Float(limit)
    roundings[0] = .cut(
      inverse: d != 0 ? 1 / d : 0, origin: 0, shift: Float(limit) + 0.5,
      highest: Int8(truncatingIfNeeded: 2 * limit - 1))
    return d
  }

  /// Fits a block that is one group with a minimum: Q4_1 and Q5_1.
  ///
  /// The smallest weight lands on 0 and the largest on `limit`; with importance, scale and minimum are searched for.
  ///
  /// - Returns: the scale and the minimum.
  func affine(
    _ x: UnsafeBufferPointer<Float>, _ importance: UnsafeBufferPointer<Float>?, meanSquare: Float, limit: Int32
  ) -> (d: Float, m: Float) {
    if let importance {
      weigh(0, x, importance, spread: meanSquare)
      let found = AffineScale.weighted(limit: limit).search(x, factors: factors.slice(0, group))
      roundings[0] = found.rounding
      return (found.scale, -found.offset)
    }
    var low = Float.greatestFiniteMagnitude
    var high = -Float.greatestFiniteMagnitude
    for weight in x {
      if weight < low { low = weight }
      if weight > high { high = weight }
    }
    let d = (high - low) / Float(limit)
    roundings[0] = .cut(
      inverse: d != 0 ? 1 / d : 0, origin: low, shift: 0.5, highest: Int8(truncatingIfNeeded: limit))
    return (d, low)
  }
}
