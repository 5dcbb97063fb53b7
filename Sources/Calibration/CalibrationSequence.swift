import Base
import Engine
import Evaluation
import Runtime

/// One sequence that a model reads while it is calibrated: a window of a text, or a prompt with a picture and what was answered.
package struct CalibrationSequence: Sendable {
  /// All tokens, those of a picture written out.
  package let tokens: [Int32]
  /// Positions whose predictions are compared, ascending; the last token is none of them.
  package let scored: [Int]
  /// Nil for text.
  package let picture: Picture?

  /// A picture in a sequence.
  package struct Picture: Sendable {
    /// The positions of all tokens of the sequence.
    package let positions: Positions
    /// Where the picture stands among them.
    package let range: Range<Int>
    /// Tokens of the prompt; what follows is scored.
    package let prompt: Int
    /// What a vision encoder made of it.
    package let seen: PictureRows

    package init(positions: Positions, range: Range<Int>, prompt: Int, seen: PictureRows) {
      (self.positions, self.range, self.prompt, self.seen) = (positions, range, prompt, seen)
    }
  }

  /// A window of a text.
  package init(_ window: TokenWindow) { (tokens, scored, picture) = (window.tokens, window.scored, nil) }

  /// A sequence with a picture; what follows the prompt is scored.
  ///
  /// - Precondition: the picture has a row for each of its tokens, and there is a position for each token.
  package init(_ tokens: [Int32], picture: Picture) {
    precondition(picture.seen.rows.rows == picture.range.count && picture.positions.count == tokens.count)
    (self.tokens, self.picture) = (tokens, picture)
    scored = Array(picture.prompt - 1..<max(picture.prompt, tokens.count) - 1)
  }

  /// The same sequence with a picture that was seen otherwise.
  func seeing(_ seen: PictureRows) -> CalibrationSequence {
    guard let picture else { return self }
    return CalibrationSequence(
      tokens,
      picture: Picture(positions: picture.positions, range: picture.range, prompt: picture.prompt, seen: seen))
  }

  /// Positions of which labels are drawn: all of a text, and of a prompt with pictures those whose predictions are compared.
  var sampled: [Int] { picture == nil ? Array(tokens.indices) : scored }

  /// What the first layer of a model reads, in memory of its own; its table may be replaced.
  ///
  /// - Throws: `mismatch` for tokens beyond the model's table.
  func input(of model: any LanguageModel, replaced: [String: WeightMatrix]) throws(CheckpointError) -> InputRows {
    let embeddings = try model.embed(tokens, replaced: replaced)
    guard let picture else { return InputRows(embeddings, at: Positions(text: tokens.count, from: 0)) }
    guard picture.seen.rows.columns == embeddings.columns else {
      throw CheckpointError(
        .mismatch, "a picture has rows of \(picture.seen.rows.columns), the model reads \(embeddings.columns)")
    }
    embeddings.replace(from: picture.range.lowerBound, by: picture.seen.rows, 0..<picture.range.count)
    return InputRows(embeddings, at: picture.positions, pictures: [picture.range], added: picture.seen.added)
  }
}
