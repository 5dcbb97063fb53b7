import Containers
import Base

/// Whether the embedding table serves as the head: what the configuration says, held against the tensors that are there.
///
/// The rules are those of transformers 5.23. The class that loads a model asks one configuration: the outer one, of which a
/// missing flag means false, or that of the text where `architectures` names a class for text alone. A tied head that lies
/// in the file with other values than the table stays a head of its own; with the same values it is left out. Where only
/// the head lies there, it serves as the table. One thing is decided otherwise: without a head, a flag on the other level
/// counts, since transformers would make up random weights.
package struct HeadTying: Sendable, Equatable {
  /// What `config.json` says.
  package struct Flag: Sendable, Equatable {
    /// The level that counts.
    package let isTied: Bool
    /// What the other level says; nil where it says nothing or there is none.
    package let other: Bool?
    /// The name of the level that counts, as messages call it; and whether it says anything.
    fileprivate let place: String
    fileprivate let isWritten: Bool
  }

  /// Whether the table serves as the head.
  package let isTied: Bool
  /// Whether a head lies in the file that equals the table, and needs no place of its own.
  package let hasEqualHead: Bool
  /// Whether the head lies in the file and the table does not.
  package let headIsTable: Bool
  /// What to tell, one sentence each.
  package let notes: [String]

  /// Reads the flags of a `config.json`; `fallback` is what the family means by a missing one.
  ///
  /// - Throws: `malformed` for a flag that is not true or false.
  package static func flag(_ config: OrderedJSON, fallback: Bool, file: String) throws(CheckpointError) -> Flag {
    func read(_ json: OrderedJSON?, _ place: String) throws(CheckpointError) -> Bool? {
      guard let json else { return nil }
      let key = ConfigurationReader.Key("tie_word_embeddings", "")
      let reader = ConfigurationReader(json: json, place: place, file: file)
      return reader.has(key) ? try reader.bool(key, fallback: false) : nil
    }
    let outer = try read(config, "")
    guard let text = config["text_config"], text.objectValue != nil else {
      return Flag(isTied: outer ?? fallback, other: nil, place: "config.json", isWritten: outer != nil)
    }
    let inner = try read(text, "text_config")
    let names = config["architectures"]?.arrayValue?.compactMap(\.stringValue) ?? []
    let isText = !names.isEmpty && names.allSatisfy { $0.hasSuffix("ForCausalLM") }
    let (counts, other) = isText ? (inner, outer) : (outer, inner)
    return Flag(
      isTied: counts ?? fallback, other: other, place: isText ? "text_config" : "the outer level of config.json",
      isWritten: counts != nil)
  }

  /// What is worth saying about a checkpoint's head, as far as headers tell; nil where flag and tensors agree.
  package static func remark(on checkpoint: Checkpoint) -> String? {
    guard let config = checkpoint.folder?.config, let family = Architectures.family(of: checkpoint),
      let flag = try? flag(config, fallback: family.tiesByDefault, file: checkpoint.path)
    else { return nil }
    let hasHead = checkpoint.tensors.contains { family.isHead($0.name) }
    switch (flag.isTied, hasHead) {
    case (true, true):
      return "tie_word_embeddings is true and there is a head: it is used if it differs from the embedding table"
    case (false, false):
      return flag.other == true
        ? "tie_word_embeddings differs between the levels of config.json: the embedding table serves as the head"
        : "tie_word_embeddings is false and there is no head"
    default:
      guard let other = flag.other, other != flag.isTied else { return nil }
      return "tie_word_embeddings differs between the levels of config.json: \(flag.isTied) counts"
    }
  }

  /// Decides for a checkpoint.
  ///
  /// - Throws: `missing` for a head that is neither there nor tied, and whatever reading tensors throws.
  package init(_ flag: Flag, table: TensorEntry?, head: TensorEntry?, file: String) throws(CheckpointError) {
    var notes: [String] = []
    if let other = flag.other, other != flag.isTied {
      let says = flag.isWritten ? "is \(flag.isTied)" : "is missing, which means \(flag.isTied),"
      notes.append(
        "tie_word_embeddings \(says) on \(flag.place) and \(other) on the other level: "
          + (head == nil
            ? "there is no head, so the embedding table serves as one" : "the former counts, as in transformers"))
    }
    var (isTied, hasEqualHead, headIsTable) = (flag.isTied, false, false)
    switch (flag.isTied, table, head) {
    case (true, let table?, let head?):
      hasEqualHead = try table.hasValues(of: head)
      isTied = hasEqualHead
      if !isTied {
        notes.append(
          "tie_word_embeddings is true, but \(head.name) differs from the embedding table: it is the head, "
            + "as in transformers")
      }
    case (true, nil, let head?):
      headIsTable = true
      notes.append("there is no embedding table, and the head is tied to it: \(head.name) serves as both")
    case (false, _, nil):
      guard flag.other == true else {
        throw CheckpointError(
          .missing,
          "there is no lm_head.weight, and tie_word_embeddings is \(flag.isWritten ? "false" : "not set, which means false"); "
            + "if the embedding table is to serve as the head, set it to true in config.json", file: file)
      }
      isTied = true
    default: break
    }
    self.isTied = isTied
    self.hasEqualHead = hasEqualHead
    self.headIsTable = headIsTable
    self.notes = notes
  }
}
