import Architectures
import Base
import Engine
import Images

/// A prompt whose picture tokens have been written out.
package struct PicturePrompt: Sendable {
  /// Token ids; each picture is as many image tokens as it has merged patches.
  package let tokens: [Int32]
  /// Their positions along time, row and column.
  package let positions: Positions
  /// The pictures' patches; none for a prompt of text.
  package let patches: Patches
  /// Where picture tokens stand in `tokens`, in the order of the pictures.
  package let pictureTokens: [Range<Int>]

  /// Writes out a prompt in which every picture is one image token.
  ///
  /// - Throws: `mismatch` when there are more or fewer image tokens than pictures.
  package init(_ prompt: [Int32], imageToken: Int32, _ markup: PictureMarkup, patches: Patches, mergeSize: Int)
    throws(CheckpointError)
  {
    let places = prompt.count { $0 == imageToken }
    guard places == patches.grids.count else {
      throw CheckpointError(
        .mismatch,
        "the prompt has room for \(counted(places, "picture")) (\(markup.place)), and \(patches.grids.count) "
          + (patches.grids.count == 1 ? "is given" : "are given"))
    }
    var tokens: [Int32] = []
    var axes: [[Int32]] = [[], [], []]
    var pictureTokens: [Range<Int>] = []
    var next: Int32 = 0
    var picture = 0
    for token in prompt {
      guard token == imageToken else {
        tokens.append(token)
        for axis in 0..<3 { axes[axis].append(next) }
        next += 1
        continue
      }
      let grid = patches.grids[picture]
      let (rows, columns) = (Int32(grid.rows / mergeSize), Int32(grid.columns / mergeSize))
      picture += 1
      let start = tokens.count
      for row in 0..<rows {
        for column in 0..<columns {
          tokens.append(imageToken)
          let place = markup.spansGrid ? (next, next + row, next + column) : (next, next, next)
          axes[0].append(place.0)
          axes[1].append(place.1)
          axes[2].append(place.2)
          if !markup.spansGrid { next += 1 }
        }
      }
      pictureTokens.append(start..<tokens.count)
      // In a grid, text goes on behind the longer side, not behind the number of tokens.
      if markup.spansGrid { next += max(rows, columns) }
    }
    self.tokens = tokens
    self.positions = Positions(axes: axes)
    self.patches = patches
    self.pictureTokens = pictureTokens
  }
}

extension PicturePrompt {
  /// What a text model reads: the embeddings of the prompt and of tokens behind it, those of picture tokens replaced by rows that a
  /// vision encoder made of the pictures; nil for a prompt of text.
  ///
  /// - Throws: `mismatch` when the rows have another width, and for tokens beyond the table.
  package func input(
    of model: any LanguageModel, seen: PictureRows?, followedBy more: [Int32] = [],
    replaced: [String: WeightMatrix] = [:]
  ) throws(CheckpointError) -> InputRows {
    let result = try model.embed(tokens + more, replaced: replaced)
    let places = positions(followedBy: more.count)
    guard let seen else { return InputRows(result, at: places) }
    guard seen.rows.columns == result.columns else {
      throw CheckpointError(
        .mismatch, "the vision encoder hands over rows of \(seen.rows.columns), the text model reads \(result.columns)")
    }
    var row = 0
    for range in pictureTokens {
      result.replace(from: range.lowerBound, by: seen.rows, row..<row + range.count)
      row += range.count
    }
    return InputRows(result, at: places, pictures: pictureTokens, added: seen.added)
  }

  /// The positions of the prompt and of so many text tokens behind it.
  package func positions(followedBy count: Int) -> Positions {
    let next = (positions.axes.compactMap { $0.max() }.max() ?? -1) + 1
    return Positions(axes: positions.axes.map { $0 + (0..<Int32(count)).map { next + $0 } })
  }
}
