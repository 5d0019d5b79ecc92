/** The desk's texts in German. */

import type { DeskTexts } from ".";

const de: DeskTexts = {
  desk: {
    sections: "Bereiche der Verwaltung",
    orders: "Bestellungen",
  },
  notAllowed: {
    title: "Nur für Mitarbeitende",
    text: "Ihr Konto hat nicht die Rolle „staff“, deshalb können Sie die Verwaltung nicht öffnen.",
  },
  orders: {
    title: "Bestellungen aller Kunden",
    none: "Es gibt keine solche Bestellung.",
    statuses: "Stand",
    from: "Bestellt ab",
    to: "Bestellt bis",
    invertedTimes: "Der erste Tag ist später als der letzte.",
    order: "Bestellung",
    status: "Stand",
    pieces: "Stück",
    total: "Summe",
  },
};

export default de;
