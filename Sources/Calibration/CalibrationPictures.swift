import Architectures
import Base
import Engine
import Evaluation
import Images
import Quants
import Runtime

/// Pictures that a model is asked about and its own answers, as sequences to calibrate it on.
package struct CalibrationPictures {
  package private(set) var sequences: [CalibrationSequence] = []
  /// What the pictures are called, and the SHA-256 of their files.
  package private(set) var sources: [(name: String, sha256: String)] = []

  /// What was shown to get each sequence, for whoever changes the vision encoder.
  private(set) var patches: [Patches] = []
  /// What looked at them; nil without a picture.
  private(set) var reader: PictureReader?

  /// Tokens of an answer at most.
  private static let answer = 64

  /// Shows pictures one by one, with the question that `validate` asks, and lets the model answer greedily.
  ///
  /// - Throws: `missing` for a model without a vision encoder, and what preparing pictures throws.
  package init(
    _ pictures: [ShownPicture], to opened: OpenedModel, _ compute: Compute,
    progress: (_ done: Int) -> Void = { _ in }
  ) throws(CheckpointError) {
    guard !pictures.isEmpty else { return }
    let reader = try PictureReader(opened)
    self.reader = reader
    let isRaw = !ChatFormat.isKnown(of: opened.checkpoint)
    for picture in pictures {
      try Cancellation.check()
      let patches = try reader.preprocessing.patches(of: picture.file())
      let question = PictureTask.prompt
      let prompt = try reader.prompt(
        isRaw ? reader.placed(question, pictures: 1) : question, raw: isRaw, patches: patches)
      let seen = try reader.encoder.encode(patches, compute: compute, observer: nil)
      let limit = min(Self.answer, try opened.room(after: prompt.tokens))
      var session = Session(
        model: opened.model, compute: compute,
        capacity: Session.capacity(prompt: prompt.tokens.count, limit: limit))
      try session.read(prompt.input(of: opened.model, seen: seen))
      var greedy = Sampler()
      let answer = try opened.answer(limit, session: &session, sampler: &greedy)
      guard let range = prompt.pictureTokens.first, !answer.isEmpty else { continue }
      sequences.append(
        CalibrationSequence(
          prompt.tokens + answer,
          picture: .init(
            positions: prompt.positions(followedBy: answer.count), range: range,
            prompt: prompt.tokens.count, seen: seen)))
      sources.append((picture.name, picture.sha256))
      self.patches.append(patches)
      progress(sequences.count)
    }
  }
}
