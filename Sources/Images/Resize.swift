/// Antialiased bicubic resizing of 8-bit samples, bit for bit as Pillow does it.
///
/// Two passes, each a weighted sum of neighbours in fixed point (22 bits after the point) rounded and clamped to
/// 8 bits, so the order of the passes matters: across first, unless the height shrinks by more than twice as many
/// pixels as the width, as Pillow has it (`libImaging/Resample.c`, read, not copied).
extension Picture {
  /// The picture stretched to exactly `width` x `height`.
  package func resized(width newWidth: Int, height newHeight: Int) -> Picture {
    let shrink = height - newHeight
    let downFirst = shrink > 0 && shrink > 2 * (width - newWidth)
    return downFirst
      ? stretchedDown(to: newHeight).stretchedAcross(to: newWidth)
      : stretchedAcross(to: newWidth).stretchedDown(to: newHeight)
  }

  private func stretchedAcross(to newWidth: Int) -> Picture {
    guard newWidth != width else { return self }
    let filter = ResizeFilter(from: width, to: newWidth)
    let result = [UInt8](unsafeUninitializedCapacity: newWidth * height * 3) { out, count in
      samples.withUnsafeBufferPointer { samples in
        for y in 0..<height {
          for x in 0..<newWidth {
            var (red, green, blue) = (ResizeFilter.half, ResizeFilter.half, ResizeFilter.half)
            var from = (y * width + filter.starts[x]) * 3
            for weight in filter.weights[filter.offsets[x]..<filter.offsets[x + 1]] {
              red &+= Int(samples[from]) &* weight
              green &+= Int(samples[from + 1]) &* weight
              blue &+= Int(samples[from + 2]) &* weight
              from += 3
            }
            let to = (y * newWidth + x) * 3
            out[to] = ResizeFilter.sample(red)
            out[to + 1] = ResizeFilter.sample(green)
            out[to + 2] = ResizeFilter.sample(blue)
          }
        }
      }
      count = newWidth * height * 3
    }
    return Picture(width: newWidth, height: height, samples: result)
  }

  private func stretchedDown(to newHeight: Int) -> Picture {
    guard newHeight != height else { return self }
    let filter = ResizeFilter(from: height, to: newHeight)
    let row = width * 3
    var sums = [Int](repeating: 0, count: row)
    let result = [UInt8](unsafeUninitializedCapacity: row * newHeight) { out, count in
      samples.withUnsafeBufferPointer { samples in
        for y in 0..<newHeight {
          for index in 0..<row { sums[index] = ResizeFilter.half }
          for (step, weight) in filter.weights[filter.offsets[y]..<filter.offsets[y + 1]].enumerated() {
            let from = (filter.starts[y] + step) * row
            for index in 0..<row { sums[index] &+= Int(samples[from + index]) &* weight }
          }
          for index in 0..<row { out[y * row + index] = ResizeFilter.sample(sums[index]) }
        }
      }
      count = row * newHeight
    }
    return Picture(width: width, height: newHeight, samples: result)
  }
}

/// For each sample of the result, which source samples it is made of and with what weights.
struct ResizeFilter {
  /// Bits after the point of a weight.
  static let precision = 22
  /// One half, so that the shift at the end rounds.
  static let half = 1 << (precision - 1)

  /// The first source sample of each result.
  var starts: [Int] = []
  /// Where the weights of each result begin; one more than results.
  var offsets: [Int] = [0]
  /// Fixed-point weights, all results' one after the other.
  var weights: [Int] = []

  init(from size: Int, to newSize: Int) {
    let scale = Double(size) / Double(newSize)
    // Shrinking widens the kernel to average all that a result covers; growing does not narrow it.
    let widening = max(1, scale)
    let support = 2 * widening
    let narrowing = 1 / widening
    for index in 0..<newSize {
      let center = (Double(index) + 0.5) * scale
      let first = max(0, Int(center - support + 0.5))
      let end = min(size, Int(center + support + 0.5))
      let exact = (first..<end).map { Self.kernel((Double($0) - center + 0.5) * narrowing) }
      let total = exact.reduce(0, +)
      starts.append(first)
      for weight in exact {
        let scaled = weight / total * Double(1 << Self.precision)
        weights.append(Int(scaled < 0 ? scaled - 0.5 : scaled + 0.5))
      }
      offsets.append(weights.count)
    }
  }

  /// Keys' cubic convolution with a = -1/2.
  private static func kernel(_ x: Double) -> Double {
    let x = abs(x)
    if x < 1 { return (1.5 * x - 2.5) * x * x + 1 }
    if x < 2 { return (((x - 5) * x + 8) * x - 4) * -0.5 }
    return 0
  }

  /// The sum rounded and clamped to 8 bits.
  @inline(__always)
  static func sample(_ sum: Int) -> UInt8 { UInt8(clamping: sum >> precision) }
}
