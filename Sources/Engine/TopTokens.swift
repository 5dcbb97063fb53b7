/// A few tokens, likeliest first.
///
/// They take no memory of their own: positions by the hundred thousand hold them between large matrices that come and go, and small
/// pieces of memory there would keep the large ones from being used again.
package struct TopTokens: Sendable, Equatable, RandomAccessCollection {
  private var ids = SIMD8<Int32>()
  package private(set) var endIndex = 0

  package var startIndex: Int { 0 }

  package subscript(place: Int) -> Int32 {
    precondition(place < endIndex, "token \(place) of \(endIndex)")
    return ids[place]
  }

  /// Takes at most eight tokens.
  package init(_ tokens: some Sequence<Int32>) {
    for token in tokens.prefix(8) {
      ids[endIndex] = token
      endIndex += 1
    }
  }
}
