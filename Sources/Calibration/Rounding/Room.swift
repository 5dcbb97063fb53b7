import Engine

/// Memory of one worker, aligned to a cache line and freed with the value.
struct Room<Element: BitwiseCopyable>: ~Copyable {
  let base: UnsafeMutablePointer<Element>

  init(_ count: Int, _ value: Element) {
    let bytes = max(count, 1) * MemoryLayout<Element>.stride
    base = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64).bindMemory(
      to: Element.self, capacity: count)
    base.initialize(repeating: value, count: count)
  }

  deinit { UnsafeMutableRawPointer(base).deallocate() }
}

/// An address that workers share; each writes only what is its own, and the caller waits for them.
struct SharedAddress<Pointer>: @unchecked Sendable {
  let value: Pointer
  init(_ value: Pointer) { self.value = value }
}

/// Some rows of a matrix side by side: panels of sixteen rows, each [columns][16].
///
/// Rows past the last one are zeros.
struct PanelSlice: Sendable {
  /// Rows that one worker takes through all columns: as many as share one reading of the moments from memory.
  static let rows = 128
  /// Rows of a panel.
  static let lanes = EngineKernels.panelRows

  /// The rows of the matrix.
  let rows: Range<Int>
  let columns: Int
  var panels: Int { (rows.count + Self.lanes - 1) / Self.lanes }
  /// Numbers in all panels.
  var count: Int { panels * columns * Self.lanes }

  /// The slices of a matrix.
  static func all(rows: Int, columns: Int) -> [PanelSlice] {
    stride(from: 0, to: rows, by: Self.rows).map {
      PanelSlice(rows: $0..<min(rows, $0 + Self.rows), columns: columns)
    }
  }

  /// Where a column of a panel begins.
  func place(_ panel: Int, _ column: Int) -> Int { (panel * columns + column) * Self.lanes }

  /// The rows of a panel.
  func rows(of panel: Int) -> Range<Int> {
    let first = rows.lowerBound + panel * Self.lanes
    return first..<min(rows.upperBound, first + Self.lanes)
  }

  /// Copies columns of the rows of a panel into it.
  func load(_ panel: Int, _ range: Range<Int>, of matrix: Activations, into place: UnsafeMutablePointer<Float>) {
    matrix.withElements { source in
      let rows = rows(of: panel)
      for lane in 0..<Self.lanes {
        guard lane < rows.count else {
          for i in 0..<range.count { place[i * Self.lanes + lane] = 0 }
          continue
        }
        let start = (rows.lowerBound + lane) * columns + range.lowerBound
        for i in 0..<range.count { place[i * Self.lanes + lane] = source[start + i] }
      }
    }
  }
}

extension EngineKernels {
  /// c += A b for all panels of a slice: A has `rows` and a column for each of `width` panels rows of b.
  ///
  /// - Parameters:
  ///   - rows: rows of A and columns of c.
  ///   - width: columns of A.
  ///   - slice: the panels.
  ///   - tile: room for ``tileRows`` rows of A, which are brought together so that all panels read them from the cache.
  ///   - fill: writes a row of A.
  ///   - b: the first of `width` columns of a panel.
  ///   - c: column 0 of a panel.
  func addProducts(
    _ rows: Range<Int>, width: Int, _ slice: PanelSlice, tile: UnsafeMutablePointer<Float>,
    fill: (_ row: Int, _ to: UnsafeMutablePointer<Float>) -> Void,
    b: (_ panel: Int) -> UnsafePointer<Float>, into c: (_ panel: Int) -> UnsafeMutablePointer<Float>
  ) {
    for first in stride(from: rows.lowerBound, to: rows.upperBound, by: Self.tileRows) {
      let some = min(Self.tileRows, rows.upperBound - first)
      for row in 0..<some { fill(first + row, tile + row * width) }
      for panel in 0..<slice.panels {
        panelProduct(
          tile, stride: width, b(panel), into: c(panel) + first * PanelSlice.lanes, m: some, k: width)
      }
    }
  }

  /// Rows of A that are brought together: with 256 columns, half of a second-level cache of 256 KiB at most.
  static var tileRows: Int { 96 }
}
