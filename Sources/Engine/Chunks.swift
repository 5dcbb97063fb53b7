/// The pieces in which a long sequence goes through the layers, so that memory does not grow with its length.
///
/// The same bits come out as of the whole sequence at once: a piece is whole chunks of the delta net, and none is so short that
/// the delta net would take its other form. Everything else treats each token alone.
package enum Chunks {
  /// Tokens of a piece, unless more are asked for; the last one can have a few more.
  package static let length = 8 * GatedDeltaNet.chunk

  /// The pieces of a sequence of `count` tokens, in order.
  ///
  /// A piece that would end inside one of `whole`, ranges in their order, ends behind it. `length` is a multiple of the delta net's chunk.
  package static func of(_ count: Int, length: Int = length, whole: [Range<Int>] = []) -> [Range<Int>] {
    precondition(length > 0 && length % GatedDeltaNet.chunk == 0, "pieces are whole chunks of the delta net")
    var result: [Range<Int>] = []
    var start = 0
    while start < count {
      var end = min(start + length, count)
      if let block = whole.first(where: { $0.upperBound > end }), block.lowerBound < end { end = block.upperBound }
      if count - end < GatedDeltaNet.fewTokens { end = count }
      result.append(start..<end)
      start = end
    }
    return result
  }
}
