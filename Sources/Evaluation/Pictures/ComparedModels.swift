import Architectures
import Base
import Containers
import Engine
import Images
import Runtime

/// The models of a validation as they were named: their texts, and what each of them sees with.
package struct ComparedModels: Sendable {
  package let before: OpenedModel
  package let after: [OpenedModel]
  /// nil where no pictures are to be shown, or none can be.
  package let sight: Sight?
  /// What to tell about how the names were understood, one sentence each.
  package let notes: [String]

  /// Whether pictures are to be shown.
  package enum Wish: Sendable {
    case none
    /// Where there is a vision encoder.
    case ifPossible
    case required
  }

  /// Opens what was named: a folder, a text GGUF with the projector that lies beside it or behind a comma (`TEXT.gguf,MMPROJ.gguf`),
  /// or, for a model after, a projector alone, which is compared in front of the text model before.
  ///
  /// Who has no vision encoder looks through that of the model before; where that has none either, through the first there is.
  ///
  /// - Throws: what opening throws; what is wrong with a vision encoder only where pictures are `required` or nothing else is compared.
  package init(before: String, after: [String], pictures: Wish) throws(CheckpointError) {
    let original = try OpenedModel(named: before)
    self.before = original
    let opened = try after.map { name throws(CheckpointError) in try OpenedModel(named: name, behind: original) }
    // Models that share a text model are told apart by the words they were named with.
    self.after = zip(after, opened).map { words, model in
      opened.count { $0.name == model.name } > 1 && !model.isProjectorAlone
        ? model.with(projector: model.projector, name: words) : model
    }
    guard pictures != .none else {
      if let projector = self.after.first(where: { $0.isProjectorAlone }) {
        throw CheckpointError(
          .usage, "this is a projector (mmproj), and without pictures nothing of it can be compared",
          file: projector.name)
      }
      (sight, notes) = (nil, [])
      return
    }
    var builder = SightBuilder(before: original, after: self.after, isRequired: pictures == .required)
    do throws(CheckpointError) {
      sight = try builder.build()
      notes = builder.notes
    } catch {
      guard pictures != .required, !self.after.contains(where: { $0.isProjectorAlone }) else { throw error }
      (sight, notes) = (nil, ["no pictures are shown: \(error)"])
    }
  }
}

/// Which text model looks through which vision encoder.
package struct Sight: Sendable {
  /// Text models, the one before first; models after that share a file share an entry.
  package let texts: [OpenedModel]
  /// Vision encoders, that of the model before first, all of them ready to make its prompts.
  package let encoders: [PictureReader]
  /// What each model after is made of.
  package let after: [Pair]
  /// Whether each of them has a vision encoder of its own, and the model before one to compare it with.
  package let hasComparableEncoder: [Bool]
  /// Signs that something is wrong with the vision encoder of a model after.
  package let alarms: [[String]]
  /// Whether prompts are given as they are, since the chat template cannot be used.
  package let isRaw: Bool

  /// A text model and a vision encoder by their places.
  package struct Pair: Hashable, Sendable {
    package let text: Int
    package let encoder: Int
  }
}

extension OpenedModel {
  /// A model as it is named in a comparison; a projector alone goes with `text`.
  fileprivate init(named name: String, behind text: OpenedModel? = nil) throws(CheckpointError) {
    // A comma separates files unless one really has it in its name.
    let paths = FileSystem.exists(name) ? [name] : name.split(separator: ",").map(String.init)
    var texts: [(path: String, checkpoint: Checkpoint)] = []
    var projectors: [Checkpoint] = []
    for path in paths.isEmpty ? [name] : paths {
      let checkpoint = try Containers.open(path)
      if ProjectorFile.isOne(checkpoint) { projectors.append(checkpoint) } else { texts.append((path, checkpoint)) }
    }
    guard texts.count <= 1, projectors.count <= 1 else {
      throw CheckpointError(
        .usage,
        "commas join one text model and one projector (mmproj), and these are \(counted(texts.count, "model")) and "
          + counted(projectors.count, "projector"), file: name)
    }
    if texts.isEmpty, let text, let projector = projectors.first {
      self = text.with(projector: projector, name: projector.path)
    } else if let own = texts.first {
      self = try OpenedModel(checkpoint: own.checkpoint, name: own.path).with(projector: projectors.first)
    } else {
      // Refused by name, as everywhere.
      try self.init(name)
    }
  }
}

private struct SightBuilder {
  let before: OpenedModel
  let after: [OpenedModel]
  let isRequired: Bool
  var notes: [String] = []

  mutating func build() throws(CheckpointError) -> Sight? {
    var readers: [PictureReader?] = []
    var alarms: [[String]] = []
    let first = try PictureReader(own: before)
    for model in after {
      do throws(CheckpointError) {
        readers.append(try PictureReader(own: model))
        alarms.append([])
      } catch {
        guard !isRequired, !model.isProjectorAlone else { throw error }
        readers.append(nil)
        alarms.append(["its vision encoder cannot be used: \(error)"])
      }
    }
    guard let own = first ?? readers.compactMap({ $0 }).first else {
      guard isRequired else { return nil }
      throw CheckpointError(
        .missing, "neither this model nor one it is compared with has a vision encoder, so it reads no pictures",
        file: before.name)
    }
    if first == nil, let alone = after.first(where: { $0.isProjectorAlone }) {
      throw CheckpointError(
        .missing, "\(before.name) has no vision encoder that this projector could be compared with", file: alone.name)
    }
    // Prompts are those of the model before, whoever's the encoder is.
    let prompting = try own.reader(for: before)
    if first == nil {
      notes.append("\(before.name) has no vision encoder of its own and looks through \(own.path)")
    }
    return try join(prompting, isFromBefore: first != nil, readers, alarms)
  }

  private mutating func join(
    _ prompting: PictureReader, isFromBefore: Bool, _ readers: [PictureReader?], _ alarms: [[String]]
  ) throws(CheckpointError) -> Sight {
    var texts = [before]
    var encoders = [prompting]
    var pairs: [Sight.Pair] = []
    notes += prompting.notes
    for (model, reader) in zip(after, readers) {
      var text = 0
      if !model.isProjectorAlone {
        let known = texts.indices.dropFirst().first { texts[$0].checkpoint.path == model.checkpoint.path }
        text = known ?? texts.count
        if known == nil { texts.append(model) }
      }
      guard let reader else {
        notes.append("\(model.name) has no vision encoder of its own and looks through \(prompting.path)")
        pairs.append(Sight.Pair(text: text, encoder: 0))
        continue
      }
      let known = encoders.firstIndex { $0.path == reader.path }
      if known == nil {
        encoders.append(try fitting(reader, prompting))
        notes += reader.notes
      }
      pairs.append(Sight.Pair(text: text, encoder: known ?? encoders.count - 1))
    }
    // Every text model is fed with the rows of every encoder.
    for text in texts.dropFirst() where text.model.hiddenSize != prompting.encoder.outputWidth {
      throw CheckpointError(
        .mismatch,
        "it reads rows of \(text.model.hiddenSize), and \(before.name) \(before.model.hiddenSize): the two "
          + "cannot look through the same vision encoder", file: text.name)
    }
    let isRaw = !ChatFormat.isKnown(of: before.checkpoint)
    if isRaw {
      notes.append("\(before.name) has no chat template that is known, so questions are asked without one")
    }
    let positions = pairs.map { isFromBefore ? Self.positionAlarms(prompting, encoders[$0.encoder]) : [] }
    return Sight(
      texts: texts, encoders: encoders, after: pairs, hasComparableEncoder: readers.map { $0 != nil && isFromBefore },
      alarms: zip(alarms, positions).map { $0 + $1 }, isRaw: isRaw)
  }

  /// Position embeddings are few and never stored coarsely: tables that differ are different ones.
  private static func positionAlarms(_ before: PictureReader, _ after: PictureReader) -> [String] {
    let (first, second) = (before.encoder.positionTable, after.encoder.positionTable)
    guard first.count == second.count else {
      return ["its vision encoder has another number of position embeddings than that of the model before"]
    }
    var (off, norm) = (0.0, 0.0)
    for (a, b) in zip(first, second) {
      off += Double(b - a) * Double(b - a)
      norm += Double(a) * Double(a)
    }
    guard off > differentPositions * differentPositions * norm else { return [] }
    return [
      "the position embeddings of its vision encoder are other ones than those of the model before: it is another model's, or "
        + "they were laid out as before 2026, from the middles of cells instead of corner to corner"
    ]
  }

  /// The relative error from which tables of position embeddings are different ones.
  private static let differentPositions = 0.1

  /// An encoder of a model after as the model before would use it.
  private func fitting(_ reader: PictureReader, _ prompting: PictureReader) throws(CheckpointError) -> PictureReader {
    let result = try reader.reader(for: before)
    guard reader.imageToken == prompting.imageToken else {
      throw CheckpointError(
        .mismatch,
        "a picture is token \(reader.imageToken) here and token \(prompting.imageToken) in \(before.name)",
        file: reader.path)
    }
    guard reader.encoder.mergeSize == prompting.encoder.mergeSize,
      reader.preprocessing.patchSize == prompting.preprocessing.patchSize
    else {
      throw CheckpointError(
        .mismatch, "it cuts pictures into other patches than \(prompting.path), so the two cannot be compared",
        file: reader.path)
    }
    return result
  }
}
