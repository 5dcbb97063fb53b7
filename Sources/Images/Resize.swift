/// Antialiased bicubic or bilinear resizing of 8-bit samples, bit for bit as Pillow does it, a row at a time.
///
/// Two passes, each a weighted sum of neighbours in fixed point (22 bits after the point) rounded and clamped to
/// 8 bits, so the order of the passes matters: across first, unless the height shrinks by more than twice as many
/// pixels as the width, as Pillow has it (`libImaging/Resample.c`, read, not copied).
///
/// Rows come as stored, sizes are those of the upright picture: turning moves samples and sums are whole numbers, so
/// the stored rows are resized along their own axes with the upright picture's weights, and the small result is turned.
struct RowResizer {
  private let across: ResizeFilter?  // nil: the axis keeps its size
  private var down: DownSums
  private let downFirst: Bool
  private let newWidth: Int
  private let newHeight: Int
  private var samples: [UInt8] = []

  /// Takes a picture that will have `width` x `height` pixels once it is upright.
  init(
    width: Int, height: Int, newWidth: Int, newHeight: Int, _ kind: Resampling = .bicubic,
    from orientation: Orientation = .upright
  ) {
    let shrink = height - newHeight
    let uprightDownFirst = shrink > 0 && shrink > 2 * (width - newWidth)
    let swaps = orientation.swapsAxes
    downFirst = uprightDownFirst != swaps
    func filter(_ size: Int, _ newSize: Int, _ isReversed: Bool) -> ResizeFilter? {
      guard size != newSize else { return nil }
      let filter = ResizeFilter(from: size, to: newSize, kind)
      return isReversed ? filter.reversed(size) : filter
    }
    let (storedWidth, storedHeight) = swaps ? (height, width) : (width, height)
    (self.newWidth, self.newHeight) = swaps ? (newHeight, newWidth) : (newWidth, newHeight)
    across = filter(storedWidth, self.newWidth, orientation.reversesAcross)
    down = DownSums(filter(storedHeight, self.newHeight, orientation.reversesDown))
    samples.reserveCapacity(newWidth * newHeight * 3)
  }

  /// Takes the next row.
  mutating func add(_ row: ArraySlice<UInt8>) {
    if downFirst {
      down.add(row) { across?.stretch($0, into: &samples) ?? samples.append(contentsOf: $0) }
    } else if let across {
      var stretched: [UInt8] = []
      stretched.reserveCapacity(newWidth * 3)
      across.stretch(row, into: &stretched)
      down.add(stretched[...]) { samples.append(contentsOf: $0) }
    } else {
      down.add(row) { samples.append(contentsOf: $0) }
    }
  }

  /// The result, as stored, once all rows have been taken.
  consuming func finish() -> Picture { Picture(width: newWidth, height: newHeight, samples: samples) }
}

extension Picture {
  /// The picture stretched to exactly `width` x `height`.
  package func resized(width newWidth: Int, height newHeight: Int) -> Picture {
    var resizer = RowResizer(width: width, height: height, newWidth: newWidth, newHeight: newHeight)
    for y in 0..<height { resizer.add(samples[y * width * 3..<(y + 1) * width * 3]) }
    return resizer.finish()
  }
}

/// Sums of the rows of a result that are not yet complete: each source row is added to those it belongs to.
private struct DownSums {
  private let filter: ResizeFilter?
  private var sums: [[Int]] = []
  /// Source rows so far, and rows of the result that are complete.
  private var taken = 0
  private var finished = 0
  private var row: [UInt8] = []

  init(_ filter: ResizeFilter?) { self.filter = filter }

  /// Takes a source row; `body` is called with every row that it completes.
  mutating func add(_ source: ArraySlice<UInt8>, _ body: (ArraySlice<UInt8>) -> Void) {
    guard let filter else { return body(source) }
    var index = finished
    while index < filter.starts.count, filter.starts[index] <= taken {
      let place = index - finished
      if place == sums.count { sums.append([Int](repeating: ResizeFilter.half, count: source.count)) }
      let step = filter.offsets[index] + taken - filter.starts[index]
      if step < filter.offsets[index + 1] { Self.add(source, times: filter.weights[step], to: &sums[place]) }
      index += 1
    }
    taken += 1
    while finished < filter.starts.count, taken >= filter.end(finished) {
      row.removeAll(keepingCapacity: true)
      for sum in sums.removeFirst() { row.append(ResizeFilter.sample(sum)) }
      finished += 1
      body(row[...])
    }
  }

  private static func add(_ source: ArraySlice<UInt8>, times weight: Int, to sums: inout [Int]) {
    source.withUnsafeBufferPointer { source in
      sums.withUnsafeMutableBufferPointer { sums in
        for index in source.indices { sums[index] &+= Int(source[index]) &* weight }
      }
    }
  }
}

/// How the weight of a sample follows from its distance when a picture is stretched.
package enum Resampling: Sendable {
  case bicubic
  /// A triangle.
  case bilinear

  /// The distance from which samples weigh nothing, in samples of the coarser side.
  fileprivate var support: Double { self == .bicubic ? 2 : 1 }
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

  init(from size: Int, to newSize: Int, _ kind: Resampling) {
    let scale = Double(size) / Double(newSize)
    // Shrinking widens the kernel to average all that a result covers; growing does not narrow it.
    let widening = max(1, scale)
    let support = kind.support * widening
    let narrowing = 1 / widening
    for index in 0..<newSize {
      let center = (Double(index) + 0.5) * scale
      let first = max(0, Int(center - support + 0.5))
      let end = min(size, Int(center + support + 0.5))
      let exact = (first..<end).map { Self.kernel((Double($0) - center + 0.5) * narrowing, kind) }
      let total = exact.reduce(0, +)
      starts.append(first)
      for weight in exact {
        let scaled = weight / total * Double(1 << Self.precision)
        weights.append(Int(scaled < 0 ? scaled - 0.5 : scaled + 0.5))
      }
      offsets.append(weights.count)
    }
  }

  /// The source sample behind the last one of a result.
  func end(_ index: Int) -> Int { starts[index] + offsets[index + 1] - offsets[index] }

  /// The same sums where source and result both run the other way; `size` is that of the source.
  func reversed(_ size: Int) -> ResizeFilter {
    var result = self
    result.starts = starts.indices.reversed().map { size - end($0) }
    result.weights = weights.reversed()
    result.offsets = offsets.reversed().map { weights.count - $0 }
    return result
  }

  /// Appends a row of pixels, stretched.
  func stretch(_ row: ArraySlice<UInt8>, into result: inout [UInt8]) {
    row.withUnsafeBufferPointer { row in
      for x in starts.indices {
        var (red, green, blue) = (Self.half, Self.half, Self.half)
        var from = starts[x] * 3
        for weight in weights[offsets[x]..<offsets[x + 1]] {
          red &+= Int(row[from]) &* weight
          green &+= Int(row[from + 1]) &* weight
          blue &+= Int(row[from + 2]) &* weight
          from += 3
        }
        result.append(Self.sample(red))
        result.append(Self.sample(green))
        result.append(Self.sample(blue))
      }
    }
  }

  /// Keys' cubic convolution with a = -1/2, or the triangle.
  private static func kernel(_ x: Double, _ kind: Resampling) -> Double {
    let x = abs(x)
    if kind == .bilinear { return max(0, 1 - x) }
    if x < 1 { return (1.5 * x - 2.5) * x * x + 1 }
    if x < 2 { return (((x - 5) * x + 8) * x - 4) * -0.5 }
    return 0
  }

  /// The sum rounded and clamped to 8 bits.
  @inline(__always)
  static func sample(_ sum: Int) -> UInt8 { UInt8(clamping: sum >> precision) }
}
