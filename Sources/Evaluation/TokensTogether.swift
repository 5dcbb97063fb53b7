import Engine
import Runtime

/// How many windows are worked on at a time and how many tokens go through a layer together, so that memory stays within a bound whatever
/// the context and the number of threads.
///
/// The more tokens, the more seldom weights are unpacked. Nothing of this changes a bit of any result.
package struct TokensTogether: Sendable, Equatable {
  /// Windows, or groups of them, that are worked on at a time.
  package let workers: Int
  /// Tokens of a piece: a multiple of the delta net's chunk.
  package let piece: Int

  /// What hidden states, the keys and values of one layer, and what lies between two matrices may take in all; one window and a piece of
  /// the usual length are always worked on.
  package static let bytes = 256 << 20

  /// Decides for windows of `context` tokens at most.
  package init(context: Int, model: any LanguageModel, threads: Int) {
    let float = MemoryLayout<Float>.stride
    var widest = 8 * model.hiddenSize
    var cached = 0
    for layer in 0..<model.layerCount {
      for half in model.halves(ofLayer: layer) { widest = max(widest, half.inputs.reduce(0) { $0 + $1.rows }) }
      if case .attention(let cache) = model.makeState(ofLayer: layer, capacity: 0) {
        cached = max(cached, 2 * cache.heads * cache.dimension)
      }
    }
    // What input matrices give, once more behind a convolution or a gate, and what is read, packed and added.
    let flowing = (2 * widest + 4 * model.hiddenSize) * float
    let window = context * (model.hiddenSize + cached) * float
    workers = max(1, min(threads, Self.bytes / (window + Chunks.length * flowing)))
    let chunk = Chunks.length / 8
    piece = max(Chunks.length, (Self.bytes / workers - window) / flowing / chunk * chunk)
  }

  /// Windows of one length that go through the layers side by side, enough of them for a piece and enough groups for all threads.
  ///
  /// Few tokens may take another road through a product than many do, so windows of which few are predicted stay alone.
  package func groups(of windows: TextWindows, threads: Int) -> [Range<Int>] {
    let most = max(1, windows.count / max(1, min(threads, workers)))
    var groups: [Range<Int>] = []
    var start = 0
    while start < windows.count {
      let length = windows[start].tokens.count
      var end = start + 1
      while end < windows.count, end - start < most, (end - start + 1) * length <= piece,
        windows[end].tokens.count == length, windows[end - 1].isMany, windows[end].isMany
      {
        end += 1
      }
      groups.append(start..<end)
      start = end
    }
    return groups
  }
}

extension TokenWindow {
  fileprivate var isMany: Bool { scored.count >= 16 }
}
